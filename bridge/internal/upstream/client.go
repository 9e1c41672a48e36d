// Package upstream connects to gRPC servers and calls their server-streaming methods with bytes instead of messages.
//
// A [Client] is one configured server (or one set of servers behind a name). Its [Stream] hands out each message as
// the bytes that came over the wire: nothing is unmarshalled here.
package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // servers may answer with gzip
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/target"
)

// The values of [Config.Balance].
const (
	RoundRobin = "round_robin"
	PickFirst  = "pick_first"
)

// What is taken where a [Config] is silent. The limit of a message is gRPC's own.
const (
	defaultMaxMessageBytes = 4 << 20
	defaultMaxConnections  = 16
	defaultStartTimeout    = 10 * time.Second
	defaultIdleTimeout     = time.Minute
)

// What a stream may hold for a reader that does not read. gRPC's default grows it to 16 MiB for a fast server, for each
// stream; a message that is larger than the window still passes, as it is asked for while it is read. The window of the
// connection is given back as bytes arrive, read or not, so it holds no memory and no stalled stream holds up another.
const (
	streamWindow     = 256 << 10
	connectionWindow = 4 << 20
)

// readBuffer is how much is read from a connection at once: a system call for each 32 KiB, gRPC's own, is felt on a fast stream.
const readBuffer = 128 << 10

// Config says how to reach one upstream. Everything but Target may be left out.
type Config struct {
	// Target is any gRPC target: "host:port", "dns:///host:port", "unix:/path".
	Target string
	// Balance is [RoundRobin], the default, or [PickFirst].
	Balance string
	// Authority is the :authority of every call; "" is the target's. With TLS it is also the name that is expected in the
	// server's certificate, unless that is given.
	Authority string
	// Reconnect is the longest pause before a server that cannot be reached is tried again. It counts between 1 s and 2 s; 0 is 2 s.
	Reconnect time.Duration
	// TLS is nil for plaintext. Its zero value means the system's roots and no client certificate.
	TLS *TLS
	// MaxMessageBytes bounds one received message, after decompression; 0 is 4 MiB.
	MaxMessageBytes int
	// Metadata is sent with every call. It replaces what a call's context carries under the same name.
	Metadata map[string]string
	// Keepalive is off where its Time is 0, which is the default: a stock grpc-go server cuts off a client that pings
	// a quiet connection more often than every five minutes.
	Keepalive Keepalive
	// Connections are opened from the start, and kept; 0 is 1. Streams are spread over them.
	Connections int
	// MaxConnections is how many there may be while streams wait for a slot, since the server has as many on each as its
	// MAX_CONCURRENT_STREAMS allows; 0 is 16, or Connections if that is more. Where Balance is [RoundRobin] and the name
	// has several addresses, each connection has one to each of them.
	MaxConnections int
	// StartTimeout is how long a stream may wait for a slot; 0 is 10 s. See [Client.Open].
	StartTimeout time.Duration
	// IdleTimeout is how long a connection beyond Connections is kept without streams; 0 is one minute.
	IdleTimeout time.Duration
	// Observe is told when streams wait, and connections come and go.
	Observe Observe
}

// Keepalive is gRPC's: a ping after Time without traffic while streams are open, and Timeout to answer it. Timeout 0 is
// 20 s. gRPC raises a Time below 10 s to 10 s.
type Keepalive struct {
	Time, Timeout time.Duration
}

// Client calls one upstream. Its methods may be called concurrently.
type Client struct {
	first   *grpc.ClientConn
	pool    *pool
	desc    grpc.StreamDesc
	options []grpc.CallOption
	limit   messageLimit
	// lacksPort is true where gRPC takes its default port.
	lacksPort bool
}

// Dial starts to connect, and returns at once: a server that is down is no error here, but one of [Client.Open]. Errors
// are those of the configuration. The caller must call [Client.Close].
func Dial(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("upstream %q: %w", cfg.Target, err)
	}
	options, err := cfg.dialOptions()
	if err != nil {
		return nil, fmt.Errorf("upstream %q: %w", cfg.Target, err)
	}
	pool, err := newPool(cfg, func() (*grpc.ClientConn, error) {
		conn, err := grpc.NewClient(cfg.Target, options...)
		if err == nil {
			conn.Connect() // so that the first browser does not wait for it
		}
		return conn, err
	})
	if err != nil {
		return nil, fmt.Errorf("upstream %q: expected a gRPC target such as \"localhost:50051\": %w", cfg.Target, err)
	}
	limit := newMessageLimit(cfg.MaxMessageBytes)
	return &Client{
		first: pool.connections[0].conn,
		pool:  pool,
		desc:  grpc.StreamDesc{StreamName: "raw", ServerStreams: true},
		options: []grpc.CallOption{
			grpc.ForceCodecV2(passThrough{}),
			grpc.MaxCallRecvMsgSize(limit.wire),
			grpc.WaitForReady(false),
		},
		limit:     limit,
		lacksPort: target.LacksPort(cfg.Target),
	}, nil
}

// withDefaults checks the numbers, and fills in those that are left out.
func (cfg Config) withDefaults() (Config, error) {
	switch {
	case cfg.Target == "":
		return cfg, errors.New("expected a target such as \"localhost:50051\", found none")
	case cfg.MaxMessageBytes < 0:
		return cfg, fmt.Errorf("expected a message limit above 0 bytes, found %d", cfg.MaxMessageBytes)
	case cfg.Connections < 0:
		return cfg, fmt.Errorf("expected at least 1 connection, found %d", cfg.Connections)
	case cfg.MaxConnections != 0 && cfg.MaxConnections < max(cfg.Connections, 1):
		return cfg, fmt.Errorf("expected at least as many connections at most as from the start, found %d and %d",
			cfg.MaxConnections, max(cfg.Connections, 1))
	case cfg.StartTimeout < 0:
		return cfg, fmt.Errorf("expected a start timeout above 0, found %v", cfg.StartTimeout)
	case cfg.IdleTimeout < 0:
		return cfg, fmt.Errorf("expected an idle timeout above 0, found %v", cfg.IdleTimeout)
	}
	cfg.Connections = max(cfg.Connections, 1)
	cfg.MaxConnections = cmp.Or(cfg.MaxConnections, max(defaultMaxConnections, cfg.Connections))
	cfg.StartTimeout = cmp.Or(cfg.StartTimeout, defaultStartTimeout)
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, defaultIdleTimeout)
	return cfg, nil
}

func (cfg Config) dialOptions() ([]grpc.DialOption, error) {
	balance := cfg.Balance
	switch balance {
	case "":
		balance = RoundRobin
	case RoundRobin, PickFirst:
	default:
		return nil, fmt.Errorf("expected balance %q or %q, found %q", RoundRobin, PickFirst, balance)
	}
	transport, err := cfg.credentials()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("grpcsse"),
		// Balancing and time-outs are the configuration's: none of them comes from a DNS record.
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(fmt.Sprintf(`{"loadBalancingConfig":[{%q:{}}]}`, balance)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
		grpc.WithReadBufferSize(readBuffer),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(cfg.connectParams()),
	}
	if cfg.Authority != "" {
		options = append(options, grpc.WithAuthority(cfg.Authority))
	}
	if k := cfg.Keepalive; k.Time > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: k.Time, Timeout: k.Timeout}))
	}
	if len(cfg.Metadata) > 0 {
		fixed, err := newFixedMetadata(cfg.Metadata)
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithChainStreamInterceptor(fixed.stream), grpc.WithChainUnaryInterceptor(fixed.unary))
	}
	return options, nil
}

// The bounds of the pause before a server is tried again.
const (
	reconnectBase  = 200 * time.Millisecond
	reconnectLeast = time.Second
	reconnectMost  = 2 * time.Second
)

// connectParams say when a server that cannot be reached is tried again. gRPC's default waits up to two minutes. A stream that
// is opened meanwhile fails at once, so that this pause comes on top of that between the attempts to open it.
func (cfg Config) connectParams() grpc.ConnectParams {
	most := min(max(cmp.Or(cfg.Reconnect, reconnectMost), reconnectLeast), reconnectMost)
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: reconnectBase, Multiplier: 1.6, Jitter: 0.2, MaxDelay: most},
		MinConnectTimeout: 10 * time.Second,
	}
}

func (cfg Config) credentials() (credentials.TransportCredentials, error) {
	if cfg.TLS == nil {
		return insecure.NewCredentials(), nil
	}
	config, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(config), nil
}

// Conn is the first connection, for calls with messages such as server reflection. They carry the fixed metadata too.
func (c *Client) Conn() *grpc.ClientConn { return c.first }

// Load is how many connections and streams there are now.
func (c *Client) Load() Load { return c.pool.load() }

// Close cuts every connection. Open streams end with CANCELED, and so do those that wait. A second call does nothing.
func (c *Client) Close() error { return c.pool.close() }

// Open calls a server-streaming method, for example "/pkg.Service/Method", with the wire bytes of its request. The
// caller must call [Stream.Close], and must not change request any more: gRPC may send it later.
//
// The stream ends when ctx does. Open blocks while the connection is being made, which ctx ends. Where the server is
// known to be unreachable, the error is immediate. Errors carry a gRPC status. One that the server gives comes from
// [Stream.Recv] instead.
//
// Open also blocks while the server has as many streams as its MAX_CONCURRENT_STREAMS allows on every connection and no
// more may be added. Streams get their slots about in the order in which they came. One that has none after the start
// timeout ends in a [*NoSlotError].
func (c *Client) Open(ctx context.Context, method string, request []byte) (*Stream, error) {
	stream, err := c.openAnywhere(ctx, method, request)
	if c.lacksPort && status.Code(err) == codes.Unavailable && !errors.Is(err, ErrNoSlot) {
		s := status.Convert(err).Proto()
		s.Message += " (" + target.NoPort + ")"
		err = status.FromProto(s).Err()
	}
	return stream, err
}

// openAnywhere makes the call on the first connection that has a slot for it.
func (c *Client) openAnywhere(ctx context.Context, method string, request []byte) (*Stream, error) {
	began := time.Now()
	at, free := c.pool.take()
	if free {
		stream, err := c.open(ctx, at, method, request)
		if !errors.Is(err, errElsewhere) {
			return stream, err
		}
	}
	w := c.pool.newWaiter(began, free)
	defer w.end()
	for {
		at, err := w.next(ctx)
		if err != nil {
			return nil, err
		}
		stream, err := c.open(ctx, at, method, request)
		if !errors.Is(err, errElsewhere) {
			return stream, err
		}
	}
}

// open makes the call on one connection. The error is errElsewhere where it has no slot for it.
func (c *Client) open(ctx context.Context, at place, method string, request []byte) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	attempt := c.pool.watch(at, cancel)
	calls, err := at.conn.NewStream(ctx, &c.desc, method, c.options...)
	if err := attempt.settle(err); err != nil {
		cancel()
		return nil, err
	}
	stream := &Stream{calls: calls, cancel: cancel, limit: c.limit, pool: c.pool, on: at.connection}
	// With its one message a stream that is not client-streaming is closed for sending as well. io.EOF says that the
	// server has ended the stream already: Recv knows how.
	if err := calls.SendMsg(outgoing(request)); err != nil && !errors.Is(err, io.EOF) {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// messageLimit is the limit that the configuration asks for, and the slightly larger one that gRPC is given. Its number
// in gRPC's error tells that error from one of the same text that a server passes on: a server has gRPC's round
// default, or its own, but not this one.
type messageLimit struct {
	bytes, wire int
}

// limitMargin is an odd number on purpose.
const limitMargin = 1013

func newMessageLimit(bytes int) messageLimit {
	if bytes == 0 {
		bytes = defaultMaxMessageBytes
	}
	bytes = min(bytes, math.MaxInt32-limitMargin)
	return messageLimit{bytes: bytes, wire: bytes + limitMargin}
}
