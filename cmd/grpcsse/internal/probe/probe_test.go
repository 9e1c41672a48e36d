package probe_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/probe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// run probes a URL. The first connection is read for a short time, unless the options say more.
func run(t *testing.T, at string, o probe.Options) *probe.Report {
	t.Helper()
	report, err := try(t.Context(), at, o)
	require.NoError(t, err)
	show(t, report)
	return report
}

func show(t *testing.T, report *probe.Report) {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, report.Text(&text))
	t.Log("\n" + text.String())
}

func try(ctx context.Context, at string, o probe.Options) (report *probe.Report, err error) {
	if o.URL, err = url.Parse(at); err != nil {
		return nil, err
	}
	header := http.Header{}
	if o.Origin != "" {
		header.Set("Origin", o.Origin)
	}
	if o.Client, err = sseclient.New(sseclient.Options{Header: header}); err != nil {
		return nil, err
	}
	defer o.Client.Close()
	if o.Plain, err = sseclient.New(sseclient.Options{Header: header, Identity: true}); err != nil {
		return nil, err
	}
	defer o.Plain.Close()
	o.For = cmp.Or(o.For, 40*time.Second)
	o.Silence = cmp.Or(o.Silence, 30*time.Second)
	o.Least = cmp.Or(o.Least, 300*time.Millisecond)
	return probe.Run(ctx, o)
}

// endpoint is a foreign server, and how it is probed.
type endpoint struct {
	stream  func(w wire)
	options probe.Options
}

// runAll probes many endpoints at once, because most of the time is spent waiting.
func runAll(t *testing.T, endpoints map[string]endpoint) map[string]*probe.Report {
	t.Helper()
	reports := map[string]*probe.Report{}
	var mu sync.Mutex
	var running sync.WaitGroup
	for name, e := range endpoints {
		at := foreign(t, e.stream)
		running.Go(func() {
			report, err := try(t.Context(), at, e.options)
			assert.NoError(t, err, name)
			mu.Lock()
			defer mu.Unlock()
			reports[name] = report
		})
	}
	running.Wait()
	for name := range endpoints {
		require.NotNil(t, reports[name], name)
	}
	return reports
}

// faults returns the checks that found a fault.
func faults(r *probe.Report) (checks []string) {
	for _, f := range r.Findings {
		if f.Level == probe.Fault {
			checks = append(checks, f.Check)
		}
	}
	return checks
}

// finding returns the findings of a check, as text.
func finding(r *probe.Report, check string) string {
	var found []string
	for _, f := range r.Findings {
		if f.Check == check {
			found = append(found, fmt.Sprintf("%s: %s. %s", f.Level, f.Found, f.Meaning))
		}
	}
	return strings.Join(found, "\n")
}

// wire is the stream of a foreign server.
type wire struct {
	http.ResponseWriter

	request *http.Request
}

// say sends text at once. It reports whether the client is still there.
func (w wire) say(format string, args ...any) bool {
	_, _ = fmt.Fprintf(w, format, args...)
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	return w.request.Context().Err() == nil
}

// rest waits for the client to leave.
func (w wire) rest() { <-w.request.Context().Done() }

// every calls do after each d, until it or the client has enough.
func (w wire) every(d time.Duration, do func(n int) bool) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
		case <-w.request.Context().Done():
			return
		}
		if !do(n) {
			return
		}
	}
}

// after returns the number in Last-Event-ID, or 0.
func (w wire) after() int {
	n, _ := strconv.Atoi(w.request.Header.Get("Last-Event-ID"))
	return n
}

// foreign starts a foreign server. Its header is right before each request.
func foreign(t *testing.T, stream func(w wire)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache")
		stream(wire{w, r})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// counting sends numbers, each with itself as id, after Last-Event-ID.
func counting(w wire) {
	from := w.after()
	w.say("retry: 2000\n\n")
	w.every(60*time.Millisecond, func(n int) bool { return w.say("id: %d\ndata: %d\n\n", from+n, from+n) })
}

func TestARightEndpointHasNoFaultAndNoWarning(t *testing.T) {
	reports := runAll(t, map[string]endpoint{
		"endless": {stream: counting},
		"finished": {stream: func(w wire) {
			if w.after() == 5 {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			for n := w.after() + 1; n <= 5; n++ {
				w.say("id: %d\ndata: %d\n\n", n, n)
			}
		}},
		"quiet, with heartbeats": {stream: func(w wire) {
			w.every(600*time.Millisecond, func(int) bool { return w.say(":\n") })
		}},
		"all that is known first": {stream: known},
	})
	for name, report := range reports {
		t.Run(name, func(t *testing.T) {
			show(t, report)
			assert.Equal(t, "right", report.Verdict)
			assert.Empty(t, faults(report))
			assert.Zero(t, report.Warnings)
		})
	}
}

// known begins with the events that are known, at once, and goes on.
func known(w wire) {
	from := w.after()
	for n := from + 1; n <= 20; n++ {
		_, _ = fmt.Fprintf(w, "id: %d\ndata: %d\n\n", n, n)
	}
	from = max(from, 20)
	w.say(":\n")
	w.every(60*time.Millisecond, func(n int) bool { return w.say("id: %d\ndata: %d\n\n", from+n, from+n) })
}

// Each endpoint has one fault, which is named, and no other is.
func TestAPlantedFaultIsNamed(t *testing.T) {
	tests := map[string]struct {
		stream  func(w wire)
		options probe.Options
		check   string
		found   string
	}{
		"a wrong content type": {
			func(w wire) { w.Header().Set("Content-Type", "application/json"); w.say("{}") }, probe.Options{},
			"content-type", "application/json. EventSource stops for ever",
		},
		"no content type": {
			func(w wire) { w.Header()["Content-Type"] = nil; w.say("data: a\n\n") }, probe.Options{}, "content-type", "none.",
		},
		"another charset": {
			func(w wire) { w.Header().Set("Content-Type", "text/event-stream; charset=latin1"); counting(w) }, probe.Options{},
			"content-type", "Chromium refuses",
		},
		"no heartbeat": {
			func(w wire) { w.say(": hello\n\n"); w.rest() }, probe.Options{For: 2 * time.Second, Silence: 500 * time.Millisecond},
			"heartbeat", "no byte for",
		},
		"no heartbeat after events": {
			func(w wire) { w.say("data: a\n\n"); w.rest() }, probe.Options{For: 2 * time.Second, Silence: 500 * time.Millisecond},
			"heartbeat", "no byte for",
		},
		"ids that do not resume": {
			func(w wire) {
				w.every(60*time.Millisecond, func(n int) bool { return w.say("id: %d\ndata: %d\n\n", n, n) })
			}, probe.Options{}, "resume", `it begins again with "1"`,
		},
		"live only": {
			func(w wire) {
				w.every(60*time.Millisecond, func(int) bool {
					return w.say("id: %d\ndata: a\n\n", time.Now().UnixNano())
				})
			}, probe.Options{}, "resume", "and after the reconnect",
		},
		"the last event comes again": {
			func(w wire) {
				from := max(0, w.after()-1)
				w.every(60*time.Millisecond, func(n int) bool { return w.say("id: %d\ndata: a\n\n", from+n) })
			}, probe.Options{}, "resume", "itself comes again",
		},
		"an id is refused": {
			func(w wire) {
				if w.after() > 0 {
					w.WriteHeader(http.StatusGone)
				}
				counting(w)
			}, probe.Options{}, "resume", "is refused: the server answered 410",
		},
		"one id for all": {
			func(w wire) { w.every(60*time.Millisecond, func(int) bool { return w.say("id: x\ndata: a\n\n") }) },
			probe.Options{}, "ids", `all events have the id "x"`,
		},
		"a finished stream that comes back": {
			func(w wire) { w.say("data: a\n\ndata: b\n\n") }, probe.Options{}, "end", "comes back with the same events",
		},
		"a finished stream that comes back empty": {
			func(w wire) {
				for n := w.after() + 1; n <= 5; n++ {
					w.say("id: %d\ndata: %d\n\n", n, n)
				}
			}, probe.Options{}, "end", "ends without an event",
		},
		"a page of another origin": {
			counting, probe.Options{Origin: "https://page.example"}, "cors", "Access-Control-Allow-Origin: none",
		},
		"a name of the browser's own": {
			func(w wire) {
				w.every(60*time.Millisecond, func(int) bool { return w.say("event: error\ndata: a\n\n") })
			},
			probe.Options{}, "events", `the name "error"`,
		},
		"a compressor that does not flush": {
			func(w wire) {
				if !strings.Contains(w.request.Header.Get("Accept-Encoding"), "gzip") {
					counting(w)
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				compressed := gzip.NewWriter(w)
				w.say("")
				w.every(60*time.Millisecond, func(int) bool { _, err := io.WriteString(compressed, "data: a\n\n"); return err == nil })
			}, probe.Options{For: 5 * time.Second}, "compression", "with gzip no event came",
		},
		"a buffer that fills up": {
			func(w wire) {
				text := strings.Repeat("data: 0123456789012345678901234567890123456789\n\n", 20_000)
				w.every(150*time.Millisecond, func(n int) bool { return w.say("%s", text[n*1000:n*1000+1000]) })
			}, probe.Options{Least: 2 * time.Second}, "buffering", "pauses are in the middle of an event",
		},
		"a proxy that wants the whole": {
			func(w wire) {
				w.Header().Set("Content-Length", "36")
				w.Header().Set("Server", "nginx/1.22")
				w.say("data: a\n\ndata: b\n\ndata: c\n\ndata: d\n\n")
			}, probe.Options{}, "buffering", "Content-Length is 36, behind nginx",
		},
		"heartbeats that come together": {
			func(w wire) { w.every(700*time.Millisecond, func(int) bool { return w.say(":\n\n:\n\n") }) }, probe.Options{},
			"buffering", "several heartbeats came at once",
		},
		"no header": {
			func(w wire) {
				if w.request.Method == http.MethodHead {
					w.Header().Set("Via", "1.1 varnish")
					return
				}
				w.rest()
			}, probe.Options{For: time.Second}, "buffering", "varnish answers HEAD at once",
		},
		"204": {func(w wire) { w.WriteHeader(http.StatusNoContent) }, probe.Options{}, "status", "204"},
		"503": {func(w wire) { w.WriteHeader(http.StatusServiceUnavailable) }, probe.Options{}, "status", "503 Service Unavailable"},
	}
	endpoints := map[string]endpoint{}
	for name, tt := range tests {
		endpoints[name] = endpoint{tt.stream, tt.options}
	}
	reports := runAll(t, endpoints)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			report := reports[name]
			show(t, report)
			assert.Equal(t, "wrong", report.Verdict)
			assert.Contains(t, finding(report, tt.check), tt.found)
			others := map[string][]string{ // what follows from the planted fault
				"a finished stream that comes back": {"end"}, "no header": {"open", "buffering"},
				"a proxy that wants the whole": {"buffering", "end"},
			}
			want := []string{tt.check}
			if all, more := others[name]; more {
				want = all
			}
			assert.Equal(t, want, faults(report))
		})
	}
}

func TestWhatMayGoWrongIsAWarningOrANote(t *testing.T) {
	tests := map[string]struct {
		stream func(w wire)
		check  string
		found  string
	}{
		"a cache":          {func(w wire) { w.Header().Del("Cache-Control"); counting(w) }, "cache", "warning: Cache-Control: none"},
		"nosniff":          {func(w wire) { w.Header().Set("X-Content-Type-Options", "nosniff"); counting(w) }, "nosniff", "ok: "},
		"retry: 0":         {func(w wire) { w.say("retry: 0\n"); counting2(w) }, "retry", "warning: retry: 0, which is up to 200 requests a second"},
		"a long retry":     {func(w wire) { w.say("retry: 600000\n"); counting2(w) }, "retry", "warning: retry: 600000, which is 10m0s"},
		"no retry":         {counting2, "retry", "note: no retry"},
		"unknown fields":   {func(w wire) { w.say("Data: a\n\n"); counting(w) }, "lines", `warning: unknown fields, for example "Data"`},
		"no data":          {func(w wire) { w.say("event: a\n\n"); counting(w) }, "lines", "warning: 1 block without data"},
		"no UTF-8":         {func(w wire) { w.say("data: \xff\n\n"); counting(w) }, "lines", "warning: bytes that are no UTF-8"},
		"half of an event": {func(w wire) { w.say("data: a\n\ndata: b") }, "end", "warning: the stream ended within an event"},
		"names":            {func(w wire) { w.say("event: a\x1b\ndata: b\n\n"); counting(w) }, "events", `with the names "a\x1b"`},
		"an end with a status": {
			func(w wire) {
				w.say("event: grpc-status\ndata: {\"code\":14,\"status\":\"UNAVAILABLE\",\"retry\":true}\n\n")
			},
			"end", "ok: the server says that a page should come back (UNAVAILABLE)",
		},
		"a reset that is told": {
			func(w wire) {
				if w.after() > 0 {
					w.say("event: grpc-reset\ndata: {}\n\n")
				}
				counting(w)
			}, "resume", "note: not after",
		},
	}
	endpoints := map[string]endpoint{}
	for name, tt := range tests {
		endpoints[name] = endpoint{stream: tt.stream}
	}
	reports := runAll(t, endpoints)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			report := reports[name]
			show(t, report)
			assert.Contains(t, finding(report, tt.check), tt.found)
			if name != "half of an event" { // which comes back for ever, too
				assert.Empty(t, faults(report))
			}
		})
	}
}

// counting2 is counting without retry.
func counting2(w wire) {
	from := w.after()
	w.every(60*time.Millisecond, func(n int) bool { return w.say("id: %d\ndata: %d\n\n", from+n, from+n) })
}

func TestCORSIsJudgedByTheOriginOfThePage(t *testing.T) {
	for allowed, want := range map[string]string{
		"https://page.example": "ok: https://page.example is allowed, without credentials", "*": "ok: every origin is allowed",
		"https://other.example": "fault: Access-Control-Allow-Origin: https://other.example",
	} {
		at := foreign(t, func(w wire) {
			w.Header().Set("Access-Control-Allow-Origin", allowed)
			assert.Equal(t, "https://page.example", w.request.Header.Get("Origin"))
			counting(w)
		})
		assert.Contains(t, finding(run(t, at, probe.Options{Origin: "https://page.example"}), "cors"), want)
	}
}

func TestAReportOfAHostileServerIsPrintable(t *testing.T) {
	at := foreign(t, func(w wire) {
		w.Header().Set("Via", "\u009b31m\u202e")
		w.every(60*time.Millisecond, func(int) bool {
			return w.say("event: \x1b[2J\nid: \u202e\x07\n\x1b]0;x: a\ndata: a\n\n")
		})
	})
	report := run(t, at, probe.Options{})
	var text, object bytes.Buffer
	require.NoError(t, report.Text(&text))
	require.NoError(t, report.JSON(&object))
	for _, output := range []string{text.String(), object.String()} {
		for _, r := range output {
			assert.False(t, r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x202e), "%q", r)
		}
	}
	var back probe.Report
	require.NoError(t, json.Unmarshal(object.Bytes(), &back))
	assert.Equal(t, *report, back)
	assert.True(t, slices.ContainsFunc(back.Findings, func(f probe.Finding) bool { return f.Check == "ids" }))
}

func TestNoServerIsAnError(t *testing.T) {
	server := httptest.NewServer(nil)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	server.Close()
	client, err := sseclient.New(sseclient.Options{})
	require.NoError(t, err)
	o := probe.Options{URL: at, Client: client, Plain: client, For: 20 * time.Second, Silence: time.Second}
	_, err = probe.Run(t.Context(), o)
	require.ErrorContains(t, err, "connection refused")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = probe.Run(ctx, o)
	assert.ErrorIs(t, err, context.Canceled)
}
