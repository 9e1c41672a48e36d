// Package probe looks at an endpoint of server-sent events, of any server, and says what an EventSource gets from it.
package probe

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"net/url"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// Options say what is probed.
type Options struct {
	URL     *url.URL
	Client  *sseclient.Client // asks for gzip, as every browser does
	Plain   *sseclient.Client // asks for no compression
	Origin  string            // of the page, or empty; the clients send it
	For     time.Duration     // how long all of it takes at most
	Silence time.Duration     // the longest time without a byte that is right
	Least   time.Duration     // how long the first connection is read at least, unless it ends; 0 is 5 s
}

// The share of the time that is for the first connection, and what is enough of it.
const (
	firstShare = 0.8
	minEvents  = 10
	minPauses  = 5
	usualLeast = 5 * time.Second
	mostAgain  = 5 * time.Second // for each connection after the first
)

// Run probes an endpoint. The error is that of package sseclient where no server answers, or that of ctx.
func Run(ctx context.Context, o Options) (*Report, error) {
	within, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	o.Least = cmp.Or(o.Least, usualLeast)
	p := &prober{Options: o, report: &Report{URL: o.URL.Redacted()}, seed: maphash.MakeSeed()}
	first := p.looker(o.Client).look(within, "", time.Duration(firstShare*float64(o.For)), p.enough)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if first.response == nil {
		if !errors.Is(first.err, context.DeadlineExceeded) {
			return nil, first.err
		}
		p.noAnswer(within, first)
		p.report.conclude()
		return p.report, nil
	}
	if p.answer(first) {
		p.header(first)
		p.transport(first)
		p.silence(first)
		p.content(first)
		p.resume(within, first)
		p.end(within, first)
		p.compression(within, first)
	}
	p.origin(first)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.report.conclude()
	return p.report, nil
}

// prober is one call of Run.
type prober struct {
	Options

	report *Report
	seed   maphash.Seed
}

// enough reports whether the first connection has shown what it can.
func (p *prober) enough(s *look) bool {
	busy := len(s.events) >= minEvents && (s.lasted >= 2*p.Least || s.lasted >= p.Least && s.pauses >= minPauses)
	return busy || s.beats >= 2 || s.beats > s.clumps && s.lasted >= 2*p.Least
}

func (p *prober) looker(client *sseclient.Client) looker { return looker{client, p.URL, p.seed} }

// again opens the stream once more, after a cursor, until there is an event.
func (p *prober) again(ctx context.Context, client *sseclient.Client, cursor string) *look {
	until, _ := ctx.Deadline()
	d := min(mostAgain, 2*time.Until(until)/3) // there may be another connection to open
	return p.looker(client).look(ctx, cursor, d, func(s *look) bool { return len(s.events) > 0 || s.reset })
}

// noAnswer is for a server that accepts a connection, and sends no header for a stream.
func (p *prober) noAnswer(ctx context.Context, first *look) {
	p.report.add(Fault, "open",
		"onopen does not come, and proxies end the request. Send the header at once, with a comment behind it.",
		"no header within %v", rounded(first.answered))
	short, cancel := context.WithTimeout(ctx, p.For/10)
	defer cancel()
	response, err := p.Client.Head(short, p.URL)
	if err != nil {
		return
	}
	_ = response.Body.Close()
	if name := proxyOf(response.Header); name != "" {
		p.report.add(Fault, "buffering",
			bufferingMeans+remedy(name), "%s answers HEAD at once, and holds back the header of the stream", name)
	}
}

// answer judges the status and the type of the answer. It reports whether there is a stream.
func (p *prober) answer(first *look) bool {
	r := first.response
	if at := r.Request.URL.String(); at != p.URL.String() {
		p.report.add(Note, "redirect",
			"EventSource follows, and asks the first URL again after each end.", "to %s", r.Request.URL.Redacted())
	}
	var refusal *sseclient.Refusal
	switch {
	case errors.Is(first.err, sseclient.ErrNoContent):
		p.report.add(Fault, "status", "EventSource stops for ever, in good order. There is no stream to probe.", "204")
		return false
	case errors.As(first.err, &refusal) && refusal.Status != http.StatusOK:
		p.report.add(Fault, "status", "EventSource stops for ever, and the page does not learn the status.",
			"%d %s", refusal.Status, http.StatusText(refusal.Status))
		return false
	case errors.As(first.err, &refusal):
		found := refusal.ContentType
		if found == "" {
			found = "none"
		}
		p.report.add(Fault, "content-type", "EventSource stops for ever. The type must be text/event-stream.", "%s", found)
		return false
	}
	p.report.add(OK, "status", "", "200 over %s", r.Proto)
	if r.ProtoMajor < 2 {
		last := &p.report.Findings[len(p.report.Findings)-1]
		last.Meaning = "Over HTTP/1.1 a browser has six connections to a host, for all its pages."
	}
	return true
}

func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
