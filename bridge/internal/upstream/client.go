// Package upstream connects to gRPC servers and calls their server-streaming methods with bytes instead of messages.
//
// A [Client] calls one configured server, or one set of servers behind a name. Its [Stream] returns each message as the bytes
// that came over the wire. The package decodes no messages.
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

// The defaults of [Config]. The limit of a message is gRPC's own default.
const (
	defaultMaxMessageBytes = 4 << 20
	defaultMaxConnections  = 16
	defaultStartTimeout    = 10 * time.Second
	defaultIdleTimeout     = time.Minute
)

// The flow-control windows of HTTP/2. streamWindow bounds what gRPC buffers for a stream whose reader does not read; by
// default, gRPC grows it to 16 MiB for a fast server. A message that is larger than the window still passes, since gRPC extends
// the window while the message is read. gRPC gives back connectionWindow as bytes arrive, even if the reader does not read
// them. So a stalled stream does not stop the others.
const (
	streamWindow     = 256 << 10
	connectionWindow = 4 << 20
)

// Window is how many bytes gRPC may hold for a stream whose reader does not read.
const Window = streamWindow

// readBuffer is how many bytes one system call reads from a connection. gRPC's default of 32 KiB slows a fast stream down.
const readBuffer = 128 << 10

// Config says how to reach one upstream. Only Target is required.
type Config struct {
	// Target is any gRPC target: "host:port", "dns:///host:port", "unix:/path".
	Target string
	// Balance is [RoundRobin], the default, or [PickFirst].
	Balance string
	// Authority is the :authority of every call. By default it is taken from Target. With TLS, the certificate of the server must
	// be for this name, unless TLS.ServerName is set.
	Authority string
	// Reconnect is the longest pause between attempts to connect to a server. A value below 1 s counts as 1 s, and a value above 2
	// s as 2 s. The default is 2 s.
	Reconnect time.Duration
	// TLS is nil for plaintext. The zero TLS means the root certificates of the system, and no client certificate.
	TLS *TLS
	// MaxMessageBytes bounds the size of a received message in bytes, after decompression. The default is 4 MiB.
	MaxMessageBytes int
	// Metadata is sent with every call. It replaces metadata of the same name in the context of a call.
	Metadata map[string]string
	// MetadataFiles are the names of files whose text is sent with every call, by the name of the metadata. A file is read again
	// when it has changed. Calls that are made afterwards, a second later at most, send the new text.
	MetadataFiles map[string]string
	// Keepalive is off while its Time is 0, which is the default. A grpc-go server with default settings closes the connection of
	// a client that pings more often than every five minutes without traffic.
	Keepalive Keepalive
	// Connections is how many connections are opened at the start and kept. Streams are spread over them. The default is 1.
	Connections int
	// MaxConnections is how many connections there may be. Connections are added while streams wait for a slot, because the server
	// allows no more streams on the existing ones (MAX_CONCURRENT_STREAMS). The default is 16, or Connections if that is more.
	// Where Balance is [RoundRobin] and the name has several addresses, each connection consists of one HTTP/2 connection to each
	// address.
	MaxConnections int
	// StartTimeout is how long a stream may wait for a slot. The default is 10 s. See [Client.Open].
	StartTimeout time.Duration
	// IdleTimeout is how long a connection that was added is kept without streams. The default is one minute.
	IdleTimeout time.Duration
	// Limits bound the streams.
	Limits Limits
	// Hooks are called when streams wait, and when connections are added or closed.
	Hooks Hooks
}

// Keepalive configures the keepalive pings of gRPC. While streams are open, gRPC sends a ping after Time without traffic, and
// closes the connection where no answer comes within Timeout. The default of Timeout is 20 s. gRPC raises a Time below 10 s to
// 10 s.
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
	// lacksPort is true where the target has no port, so that gRPC takes its default port.
	lacksPort bool
	holders   holders
	follower  follower
}

// Dial starts to connect, and returns at once. The error says what is wrong with cfg; for a server that is down, [Client.Open]
// returns the error. The caller must call [Client.Close], or [Client.Release] where others may hold the client.
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
			conn.Connect() // so that the first stream does not wait for the connection
		}
		return conn, err
	})
	if err != nil {
		return nil, fmt.Errorf("upstream %q: expected a gRPC target such as \"localhost:50051\": %w", cfg.Target, err)
	}
	limit := newMessageLimit(cfg.MaxMessageBytes)
	c := &Client{
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
		holders:   holders{count: 1},
		follower:  follower{since: time.Now()},
	}
	pool.retiring.Go(c.follow)
	return c, nil
}

// withDefaults checks the numbers of a Config, and returns it with the defaults filled in.
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
		grpc.WithTransportCredentials(coalescing{transport}),
		grpc.WithUserAgent("grpcsse"),
		// Balancing and timeouts come from the configuration, and not from a DNS record.
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(fmt.Sprintf(`{"loadBalancingConfig":[{%q:{}}]}`, balance)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
		grpc.WithReadBufferSize(readBuffer),
		grpc.WithMaxHeaderListSize(maxMetadata),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(cfg.connectParams()),
	}
	if cfg.Authority != "" {
		options = append(options, grpc.WithAuthority(cfg.Authority))
	}
	if k := cfg.Keepalive; k.Time > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: k.Time, Timeout: k.Timeout}))
	}
	fixed, err := newFixedMetadata(cfg.Metadata, cfg.MetadataFiles, cfg.Hooks.stale)
	if err != nil {
		return nil, err
	}
	if !fixed.empty() {
		options = append(options, grpc.WithChainStreamInterceptor(fixed.stream), grpc.WithChainUnaryInterceptor(fixed.unary))
	}
	return options, nil
}

// maxMetadata bounds the metadata of one answer of a server, its header and its trailers each, in bytes as HTTP/2 counts them: 32
// for each field besides its name and its value. gRPC keeps the header as long as the stream is open, and its own limit is 16
// MiB. A stream over the limit ends with INTERNAL.
const maxMetadata = 256 << 10

// The pauses between attempts to connect. reconnectMin and reconnectMax bound [Config.Reconnect].
const (
	reconnectBase = 200 * time.Millisecond
	reconnectMin  = time.Second
	reconnectMax  = 2 * time.Second
)

// connectParams says how long gRPC waits between attempts to connect. gRPC's default is up to two minutes. A stream that is
// opened during the pause fails at once, so the pause adds to the back-off of the stream.
func (cfg Config) connectParams() grpc.ConnectParams {
	longest := min(max(cmp.Or(cfg.Reconnect, reconnectMax), reconnectMin), reconnectMax)
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: reconnectBase, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longest},
		MinConnectTimeout: 10 * time.Second,
	}
}

func (cfg Config) credentials() (credentials.TransportCredentials, error) {
	if cfg.TLS == nil {
		return insecure.NewCredentials(), nil
	}
	return cfg.TLS.credentials(cfg.Hooks.stale)
}

// Conn returns the first connection, for calls with decoded messages such as server reflection. The calls carry
// Config.Metadata.
func (c *Client) Conn() *grpc.ClientConn { return c.first }

// Load returns the current numbers of connections and streams.
func (c *Client) Load() Load { return c.pool.load() }

// Close closes every connection, also where somebody holds them. Streams that are open or wait for a slot end with CANCELED.
// Further calls do nothing.
func (c *Client) Close() error {
	c.holders.mu.Lock()
	c.holders.closed = true
	c.holders.mu.Unlock()
	return c.pool.close()
}

// Open calls a server-streaming method, for example "/pkg.Service/Method". request is the request message in the protobuf wire
// format; the caller must not change it afterwards, since gRPC may send it later. The caller must call [Stream.Close].
//
// The stream ends when ctx ends. Open waits while the connection is being made, until ctx ends. Where the server is known to be
// unreachable, Open fails at once. Its error carries a gRPC status. An error that the server returns comes from [Stream.Recv].
//
// Open also waits while every connection has as many streams as the server allows (MAX_CONCURRENT_STREAMS) and no connection
// may be added. Streams get free slots roughly in the order of their calls of Open. A stream that has no slot after the start
// timeout fails with a [*NoSlotError]. With a context from [WithoutQueue], Open does not wait for a slot. A stream over a limit of
// the client fails with a [*LimitError].
func (c *Client) Open(ctx context.Context, method string, request []byte) (*Stream, error) {
	if err := c.pool.admit(); err != nil {
		return nil, err
	}
	stream, err := c.openAdmitted(ctx, method, request)
	if err != nil {
		c.pool.dismiss()
	}
	if c.lacksPort && status.Code(err) == codes.Unavailable && !errors.Is(err, ErrNoSlot) {
		s := status.Convert(err).Proto()
		s.Message += " (" + target.NoPort + ")"
		err = status.FromProto(s).Err()
	}
	return stream, err
}

// openAdmitted opens a stream that counts. The other ways to open one have functions of their own, so that the usual one takes
// little of the stack.
func (c *Client) openAdmitted(ctx context.Context, method string, request []byte) (*Stream, error) {
	if !queues(ctx) {
		return c.openUnqueued(ctx, method, request)
	}
	began := time.Now()
	at, free := c.pool.take()
	if free {
		stream, err := c.open(ctx, at, method, request)
		if !errors.Is(err, errElsewhere) {
			return stream, err
		}
	}
	return c.openQueued(ctx, method, request, c.pool.newWaiter(began, free))
}

// openQueued opens a stream on the first connection that has a slot for it.
func (c *Client) openQueued(ctx context.Context, method string, request []byte, w *waiter) (*Stream, error) {
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

// open opens a stream on one connection. The error is errElsewhere where the connection has no slot.
func (c *Client) open(ctx context.Context, at place, method string, request []byte) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	attempt := c.pool.watch(at, cancel)
	calls, err := at.conn.NewStream(ctx, &c.desc, method, c.options...)
	if err := attempt.finish(err); err != nil {
		cancel()
		return nil, err
	}
	stream := &Stream{calls: calls, cancel: cancel, limit: c.limit, pool: c.pool, on: at.connection}
	// SendMsg also closes the sending side, since the method is not client-streaming. io.EOF means that the server has ended the
	// stream already: Recv returns the status.
	if err := calls.SendMsg(outgoing(request)); err != nil && !errors.Is(err, io.EOF) {
		stream.end()
		return nil, err
	}
	return stream, nil
}

// messageLimit holds the configured limit of a message, and the slightly larger limit that gRPC gets. gRPC writes its limit
// into the text of its error. A server may pass on an error of the same text, but with gRPC's round default or its own limit.
// So the unusual number shows that gRPC in this process made the error.
type messageLimit struct {
	bytes int // the configured limit
	wire  int // the limit for gRPC
}

// limitMargin is unusual on purpose, see messageLimit.
const limitMargin = 1013

func newMessageLimit(bytes int) messageLimit {
	if bytes == 0 {
		bytes = defaultMaxMessageBytes
	}
	bytes = min(bytes, math.MaxInt32-limitMargin)
	return messageLimit{bytes: bytes, wire: bytes + limitMargin}
}
