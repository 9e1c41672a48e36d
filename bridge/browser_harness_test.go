package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/internal/chromium"
)

// sharedChromium is the browser that all tests of a run share. Each test has a browser profile of its own.
var sharedChromium chromium.Browser

// pageHTML is a page with one EventSource. It records each call of its listeners.
const pageHTML = `<!doctype html>
<meta charset="utf-8">
<title>EventSource</title>
<link rel="icon" href="data:,">
<script>
"use strict";
const told = [];
let source, tally;
function watch(url, names, options) {
  source = new EventSource(url, options);
  const note = (e) => told.push({
    at: performance.timeOrigin + performance.now(), type: e.type, message: e instanceof MessageEvent,
    data: e.data ?? "", id: e.lastEventId ?? "", state: source.readyState,
  });
  for (const type of ["open", "message", "error", "error_", "grpc-status", "grpc-reset", ...names]) {
    source.addEventListener(type, note);
  }
  return true;
}
function countUp(url) {
  tally = {events: 0, last: 0, disorder: 0, errors: 0, ended: false};
  source = new EventSource(url);
  source.onmessage = (e) => {
    const n = Number(JSON.parse(e.data).sequence);
    tally.events++;
    if (n !== tally.last + 1) tally.disorder++;
    tally.last = n;
  };
  source.onerror = () => tally.errors++;
  source.addEventListener("grpc-status", () => { source.close(); tally.ended = true; });
  return true;
}
</script>
`

// told is one call of a listener of the page.
type told struct {
	At      float64 // milliseconds since 1970
	Type    string
	Message bool // the call had a MessageEvent; an error without one is a lost connection
	Data    string
	ID      string // lastEventId
	State   int    // readyState while the listener ran: 0 connecting, 1 open, 2 closed for good
}

func (e told) time() time.Time { return time.UnixMicro(int64(e.At * 1000)) }

// sequence returns the number of a watched event.
func (e told) sequence(t *testing.T) int64 {
	t.Helper()
	var data struct{ Sequence string }
	require.NoError(t, json.Unmarshal([]byte(e.Data), &data))
	return parseInt(t, data.Sequence)
}

// tab is a page of a test, in a browser profile of its own.
type tab struct{ ctx context.Context }

// openTab opens the page of a site.
func openTab(t *testing.T, site *site) *tab {
	t.Helper()
	ctx := sharedChromium.Open(t, time.Minute, site.url+pagePath)
	return &tab{ctx: ctx}
}

// watch opens the page's EventSource. The page listens to the events with these names, besides those of browsers and of the
// bridge.
func (p *tab) watch(t *testing.T, url string, names ...string) {
	t.Helper()
	p.do(t, "watch(%s, %s)", url, append([]string{}, names...))
}

// do runs a script whose result must be true. The arguments are written into the script as JSON.
func (p *tab) do(t *testing.T, script string, arguments ...any) {
	t.Helper()
	require.True(t, value[bool](t, p, script, arguments...))
}

// value evaluates an expression.
func value[T any](t *testing.T, p *tab, script string, arguments ...any) T {
	t.Helper()
	for i, a := range arguments {
		text, err := json.Marshal(a)
		require.NoError(t, err)
		arguments[i] = text
	}
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](fmt.Sprintf(script, arguments...)))
	require.NoError(t, err, script)
	return out
}

// all returns the calls that the page has recorded until now.
func (p *tab) all(t *testing.T) []told {
	t.Helper()
	return value[[]told](t, p, "told")
}

// complaints collects the errors and warnings that the console of the page shows from now on.
func (p *tab) complaints(t *testing.T) (until func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	messages := chromedp.Console(ctx)
	var out []string
	var collected sync.WaitGroup
	collected.Go(func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			if message.IsException() || message.Type == "error" || message.Type == "warning" {
				out = append(out, message.String())
			}
		}
	})
	until = func() []string { cancel(); collected.Wait(); return out }
	t.Cleanup(func() { until() })
	return until
}

// until waits until an expression is true.
func (p *tab) until(t *testing.T, expression string) {
	t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool]("Boolean("+expression+")",
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(2*patience)))
	if err != nil {
		require.NoError(t, err, "%s was never true. The page has recorded:\n%s", expression, p.story(t))
	}
}

// story describes the recorded calls, for the message of a test that fails.
func (p *tab) story(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, e := range p.all(t) {
		fmt.Fprintf(&out, "%s %s state %d id %q %.200q\n", e.time().Format("05.000"), e.Type, e.State, e.ID, e.Data)
	}
	return out.String()
}

// types returns the types of the recorded events, in order.
func types(all []told) []string {
	var out []string
	for _, e := range all {
		out = append(out, e.Type)
	}
	return out
}

// sequences returns the numbers of the watched events, without all other calls.
func sequences(t *testing.T, all []told) []int64 {
	t.Helper()
	var out []int64
	for _, e := range all {
		if e.Type == "message" {
			out = append(out, e.sequence(t))
		}
	}
	return out
}

// upTo returns 1, 2, …, n.
func upTo(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i + 1)
	}
	return out
}

// first returns the first recorded call of a type, after skipping some calls.
func first(t *testing.T, all []told, kind string, skip int) told {
	t.Helper()
	for _, e := range all {
		if e.Type != kind {
			continue
		}
		if skip == 0 {
			return e
		}
		skip--
	}
	require.FailNow(t, "not told", "the page has not recorded %q, but %v", kind, types(all))
	return told{}
}
