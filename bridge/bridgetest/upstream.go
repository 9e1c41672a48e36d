package bridgetest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/internal/door"
)

// patience is how long a wait lasts by default.
const patience = 10 * time.Second

// Upstream is a gRPC server of this process on a loopback port, with server reflection. It records each stream that is opened as a
// [Call]. Its methods may be called by the test's own goroutine only, because a wait that is over fails the test.
type Upstream struct {
	// Addr is the address of the server, such as "127.0.0.1:41234". The server keeps it after [Upstream.Kill].
	Addr string
	// Timeout is how long each wait of the upstream and of its calls lasts before the test fails: 10 s by default.
	Timeout time.Duration

	tb       testing.TB
	register func(grpc.ServiceRegistrar)
	opts     []grpc.ServerOption
	door     *door.Door
	server   *grpc.Server // nil after Kill
	served   sync.WaitGroup
	record   record
}

// NewUpstream starts a server, and stops it when the test ends. register adds the services: a function of yours that calls the
// generated functions such as pb.RegisterMarketServer, or [Scripted]. It is called again by [Upstream.Restart]. opts are options of
// the server, for example interceptors.
func NewUpstream(tb testing.TB, register func(grpc.ServiceRegistrar), opts ...grpc.ServerOption) *Upstream {
	tb.Helper()
	lis, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("bridgetest: listen on a loopback port: %v", err)
	}
	u := &Upstream{Addr: lis.Addr().String(), Timeout: patience, tb: tb, register: register, opts: opts, door: door.New(lis)}
	u.record.news = make(chan struct{})
	tb.Cleanup(func() { u.Kill(); _ = u.door.Close() })
	u.Restart()
	return u
}

// Restart serves again after [Upstream.Kill], at the same address. A server that was not killed is killed first.
func (u *Upstream) Restart() {
	u.tb.Helper()
	u.Kill()
	opts := append([]grpc.ServerOption{grpc.WaitForHandlers(true), grpc.ChainStreamInterceptor(u.record.intercept)}, u.opts...)
	server := grpc.NewServer(opts...)
	u.register(server)
	var scripted []protoreflect.FileDescriptor
	for _, service := range server.GetServiceInfo() {
		if file, ok := service.Metadata.(protoreflect.FileDescriptor); ok {
			scripted = append(scripted, file)
		}
	}
	registerReflection(server, scripted)
	u.server = server
	life := u.door.Open()
	u.served.Go(func() { _ = server.Serve(life) })
}

// Kill stops the server as a crash would: its connections are closed, and new ones are closed at once. The methods that run see
// the end of their contexts, and Kill waits for them. Killing a server that is down does nothing.
func (u *Upstream) Kill() {
	u.tb.Helper()
	if u.server == nil {
		return
	}
	server := u.server
	u.server = nil
	stopped := make(chan struct{})
	go func() {
		server.Stop()
		u.served.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(u.Timeout):
		u.tb.Errorf("bridgetest: a method of the upstream goes on %s after the end of its context: %s", u.Timeout, u.record.openCalls())
	}
}

// YAML reads a configuration from the text of a file, in which ${env.UPSTREAM} stands for the address of this upstream:
//
//	upstreams:
//	  market: {target: "${env.UPSTREAM}"}
//
// No other variable of the environment is set. The test fails with all problems of the text.
func (u *Upstream) YAML(text string) *config.Config {
	u.tb.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(text), config.WithEnv(func(name string) (string, bool) {
		return u.Addr, name == "UPSTREAM"
	}))
	if err != nil {
		u.tb.Fatalf("bridgetest: the configuration has problems:\n%v", err)
	}
	return cfg
}

// Replace makes this upstream take the place of the one that cfg has under a name, so that a test can use the file of a
// deployment. The schema then comes from this upstream by reflection. Its connections have no TLS. Metadata, annotations and
// limits stay.
func (u *Upstream) Replace(cfg *config.Config, name string) {
	u.tb.Helper()
	var names []string
	for _, up := range cfg.Upstreams {
		if up.Name == name {
			up.Target, up.TLS, up.Authority, up.Schema = u.Addr, nil, "", config.Schema{Reflection: true}
			return
		}
		names = append(names, up.Name)
	}
	u.tb.Fatalf("bridgetest: the configuration has no upstream %q: its upstreams are %s", name, orNone(names))
}

// NextCall waits for a stream that is opened, and returns each of them once, in the order in which their requests came. method is
// the name that `rpc` has in a route, "demo.market.v1.MarketService/WatchQuotes", or its last part, "WatchQuotes", or "" for any.
func (u *Upstream) NextCall(method string) *Call {
	u.tb.Helper()
	var call *Call
	if !u.record.await(u.Timeout, func() bool { call = u.record.take(method); return call != nil }) {
		u.tb.Fatalf("bridgetest: expected a call of %s within %s; calls before: %s\n"+
			"(where the bridge has refused a page, its stream has a Status other than 200, or the event grpc-status)",
			orAny(method), u.Timeout, u.record.all())
	}
	call.upstream = u
	return call
}

// ExpectOpen waits until n streams are open at the server. A stream counts from the moment when its request has come until its
// method has returned.
func (u *Upstream) ExpectOpen(n int) {
	u.tb.Helper()
	if !u.record.await(u.Timeout, func() bool { return u.record.open() == n }) {
		u.tb.Fatalf("bridgetest: expected %d open streams at the upstream within %s, found: %s", n, u.Timeout, u.record.openCalls())
	}
}

func orAny(method string) string {
	if method == "" {
		return "any method"
	}
	return method
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
