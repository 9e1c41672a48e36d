// Package role is what a process of the benchmark is: the driver starts its own program again for each, with the role in
// an environment variable, so that what they cost can be told apart. The tests' own programs play roles too.
package role

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/grpcsse/grpcsse/bench/internal/certificate"
	"github.com/grpcsse/grpcsse/bench/internal/control"
	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// variable holds a Role as JSON.
const variable = "GRPCSSE_BENCH_ROLE"

// Role says what a process is to do.
type Role struct {
	Name string `json:"name"`
	// Upstream is the address of the gRPC server, for those who call it.
	Upstream string `json:"upstream,omitempty"`
	// Listen is the address where the process listens; empty is any port of loopback.
	Listen string `json:"listen,omitempty"`
	// Server is the address of the candidate, for the crowd.
	Server string `json:"server,omitempty"`
	// Link is how the crowd connects; nil is as a [load.Crowd] does.
	Link *load.Link `json:"link,omitempty"`
	// Certificate is the directory of a certificate, for a floor that serves TLS; empty is none.
	Certificate string `json:"certificate,omitempty"`
	// Text is the number of bytes of an event's text, for those who make events.
	Text int `json:"text,omitempty"`
	// Kinds is how many kinds of events the upstream has; 0 is one.
	Kinds int `json:"kinds,omitempty"`
	// Flow is when they make them.
	Flow event.Flow `json:"flow,omitzero"`
}

// The roles that are no candidates; those are named as in package scenario.
const (
	Upstream = "upstream"
	Crowd    = "crowd"
)

// Greeting is what a process says when it is ready.
type Greeting struct {
	// Address is where it listens, where it does.
	Address string `json:"address"`
}

// Environ returns the environment of a process that is to play the role.
func (r Role) Environ() ([]string, error) {
	text, err := json.Marshal(r)
	return append(os.Environ(), variable+"="+string(text)), err
}

// Play plays the role that this process has been given until its standard input ends, and ends the process. It returns
// where there is no role.
func Play() {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	err := play(ctx, text)
	end()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(ctx context.Context, text string) error {
	var r Role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	switch r.Name {
	case Upstream:
		return playUpstream(ctx, r)
	case Crowd:
		return playCrowd(ctx, r)
	}
	return playCandidate(ctx, r)
}

// listen listens on an address, or on loopback.
func listen(ctx context.Context, address string) (*net.TCPListener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", cmp.Or(address, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	return listener.(*net.TCPListener), nil
}

// serve runs f on a listener, and answers the driver, until the driver is gone or one of the two fails.
func serve(ctx context.Context, r Role, f func(*net.TCPListener) error, answer control.Answer) error {
	listener, err := listen(ctx, r.Listen)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- f(listener) }()
	go func() {
		ended <- control.Serve(os.Stdin, os.Stdout, Greeting{Address: listener.Addr().String()}, answer)
	}()
	return <-ended
}

// serveHTTP is serve for a handler.
func serveHTTP(ctx context.Context, r Role, handler http.Handler) error {
	server := &http.Server{Handler: handler} //nolint:gosec // of nobody but the crowd
	return serve(ctx, r, func(listener *net.TCPListener) error {
		if r.Certificate == "" {
			return server.Serve(listener)
		}
		certificate, key := r.certificate()
		return server.ServeTLS(listener, certificate, key)
	}, unasked)
}

// certificate returns the files of the certificate and of its key.
func (r Role) certificate() (path, key string) {
	return filepath.Join(r.Certificate, certificate.Certificate), filepath.Join(r.Certificate, certificate.Key)
}

// unasked answers who is asked nothing.
func unasked(do string, _ json.RawMessage) (any, error) {
	return nil, fmt.Errorf("%q was not expected", do)
}
