// Command footprint measures what a browser costs grpcsse by the kind of its connection: memory of the process (RSS) for each
// browser, and CPU time for each delivered event. docs/operations.md has its figures. Linux only.
//
// It starts the program for each kind, with an upstream in this process, and opens the browsers over loopback.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/measure"
	"github.com/grpcsse/grpcsse/bench/internal/process"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
)

func main() {
	var r run
	flag.StringVar(&r.program, "grpcsse", "", "the program `file`")
	flag.StringVar(&r.only, "only", "", "the beginning of the kinds' names that are measured, as HTTP/1.1; all where it is empty")
	flag.IntVar(&r.browsers, "browsers", 1000, "how many browsers each kind has")
	flag.Float64Var(&r.rate, "rate", 5, "events a second for each browser")
	flag.DurationVar(&r.window, "for", 10*time.Second, "how long events are counted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := r.all(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

// kind is a kind of connection.
type kind struct {
	name    string
	tls     bool
	http2   bool
	streams int // on each connection
}

var kinds = []kind{
	{name: "HTTP/1.1 without TLS", streams: 1},
	{name: "HTTP/1.1 with TLS", tls: true, streams: 1},
	{name: "HTTP/2 with TLS, ten streams each", tls: true, http2: true, streams: 10},
	{name: "HTTP/2 with TLS, one stream each", tls: true, http2: true, streams: 1},
}

type run struct {
	program  string
	only     string
	browsers int
	rate     float64
	window   time.Duration
}

func (r run) all(ctx context.Context) error {
	directory, err := os.MkdirTemp("", "footprint")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	if err := writeCertificate(directory); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		served <- upstream.New(event.NewShape(64), event.Flow{Rate: r.rate}).Serve(ctx, listener)
	}()
	defer func() {
		cancel()
		<-served
	}()
	fmt.Printf("| connection | shared: memory each, CPU per event | private: memory each, CPU per event |\n|---|--:|--:|\n")
	for _, k := range kinds {
		if !strings.HasPrefix(k.name, r.only) {
			continue
		}
		fmt.Printf("| %s |", k.name)
		for _, shared := range []bool{true, false} {
			memory, cpu, err := r.measure(ctx, directory, listener.Addr().String(), k, shared)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			fmt.Printf(" %.1f KiB, %.1f µs |", memory/1024, float64(cpu)/float64(time.Microsecond))
		}
		fmt.Println()
	}
	return nil
}

var announcement = regexp.MustCompile(`msg=listening address=(\S+)`)

// measure returns the bytes for each browser and the CPU time for each event.
func (r run) measure(
	ctx context.Context, directory, target string, k kind, shared bool,
) (memory float64, cpu time.Duration, err error) {
	path := filepath.Join(directory, "grpcsse.yaml")
	if err := os.WriteFile(path, []byte(configuration(target, k.tls, shared)), 0o600); err != nil {
		return 0, 0, err
	}
	p, err := process.StartProgram(ctx, "grpcsse", announcement, r.program, "serve", "--config", path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.End()) }()
	c := newCrowd(k, p.Address)
	defer c.leave()
	// One browser first: what the program needs for the first request is not what a browser costs.
	if err := c.join(ctx, 1); err != nil {
		return 0, 0, err
	}
	before, err := measure.RSS(p.PID)
	if err != nil {
		return 0, 0, err
	}
	if err := c.join(ctx, r.browsers); err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, r.window); err != nil {
		return 0, 0, err
	}
	after, err := measure.RSS(p.PID)
	if err != nil {
		return 0, 0, err
	}
	cpuBefore, err := measure.CPU(p.PID)
	if err != nil {
		return 0, 0, err
	}
	eventsBefore := c.events.Load()
	if err := pause(ctx, r.window); err != nil {
		return 0, 0, err
	}
	cpuAfter, err := measure.CPU(p.PID)
	if err != nil {
		return 0, 0, err
	}
	events := c.events.Load() - eventsBefore
	if due := float64(r.browsers) * r.rate * r.window.Seconds(); float64(events) < 0.9*due {
		return 0, 0, fmt.Errorf("only %d of %.0f events arrived: the machine is too slow for this rate", events, due)
	}
	return float64(after-before) / float64(r.browsers), (cpuAfter - cpuBefore) / time.Duration(events), nil
}

func configuration(target string, withTLS, shared bool) string {
	text := "server:\n  listen: 127.0.0.1:0\n"
	if withTLS {
		text += "  tls: {cert_file: tls.crt, key_file: tls.key}\n"
	}
	text += "upstreams: {bench: {target: \"" + target + "\"}}\nroutes:\n" +
		"  - {path: \"/watch/{topic}\", rpc: test.stream.v1.StreamService/Watch, event: {id: sequence}"
	if shared {
		text += ", share: {late_join: none}"
	}
	return text + "}\n"
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// crowd is browsers of one kind.
type crowd struct {
	kind   kind
	url    string
	events atomic.Int64

	gone       context.Context
	leaveAll   context.CancelFunc
	readers    sync.WaitGroup
	transports []*http.Transport
}

func newCrowd(k kind, address string) *crowd {
	scheme := "http"
	if k.tls {
		scheme = "https"
	}
	c := &crowd{kind: k, url: scheme + "://" + address + "/watch/x"}
	c.gone, c.leaveAll = context.WithCancel(context.Background())
	return c
}

// join opens n more streams, and returns when each has the header of its response.
func (c *crowd) join(ctx context.Context, n int) error {
	for opened := 0; opened < n; opened += c.kind.streams {
		transport := &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the program on loopback is our own
			Protocols:       new(http.Protocols), DisableCompression: true,
		}
		transport.Protocols.SetHTTP1(!c.kind.http2)
		transport.Protocols.SetHTTP2(c.kind.http2)
		c.transports = append(c.transports, transport)
		for range min(c.kind.streams, n-opened) {
			if err := c.open(ctx, transport); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crowd) open(ctx context.Context, transport *http.Transport) error {
	r, err := http.NewRequestWithContext(c.gone, http.MethodGet, c.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	stop := context.AfterFunc(ctx, c.leaveAll)
	defer stop()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("the answer is %s", resp.Status), resp.Body.Close())
	}
	c.readers.Go(func() { c.read(resp.Body) })
	return nil
}

// read counts the events of a stream until it ends: the blank lines that end them, without those after comments and retry.
func (c *crowd) read(body io.ReadCloser) {
	defer func() { _ = body.Close() }()
	buf := make([]byte, 4096)
	var last byte
	for {
		n, err := body.Read(buf)
		for _, b := range buf[:n] {
			if b == '\n' && last == '\n' {
				c.events.Add(1)
			}
			last = b
		}
		if err != nil {
			return
		}
	}
}

// leave ends all streams.
func (c *crowd) leave() {
	c.leaveAll()
	c.readers.Wait()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}
