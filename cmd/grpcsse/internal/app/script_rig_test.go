package app_test

import (
	"context"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/client"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// scriptPage is a page that uses the script. It keeps a ledger of the ids that a subscription gets.
const scriptPage = `<!doctype html>
<meta charset="utf-8">
<title>a subscription</title>
<link rel="icon" href="data:,">
<script type="module">
import {subscribe} from "/grpcsse.js";
window.subscribe = subscribe;
window.warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));
window.listen = (url, options = {}, commit = false) => {
  window.ids = []; window.states = []; window.resets = []; window.names = []; window.over = ""; window.tokens = 0;
  const sub = window.sub = subscribe(url, {onreset: (r) => resets.push(r.reason), ...options});
  sub.addEventListener("grpc-state", ({detail: {state, why}}) => states.push(state + (why ? " " + why.reason : "")));
  sub.ended.then((s) => { window.end = s; });
  (async () => {
    try {
      for await (const {data, name, id} of sub) {
        if (String(data.n) !== id) throw new Error("the id is not that of the data");
        ids.push(data.n); names.push(name);
        if (commit) sub.commit(id);
      }
      window.over = "done";
    } catch (e) { window.over = String(e); }
  })();
  return true;
};
window.marked = 0; // another load of the page has another mark
window.mark = () => (window.marked = ids.length);
window.jump = (ms) => {
  const now = Date.now;
  Date.now = () => now() + ms;
  return true;
};
window.gaps = () => ids.filter((n, i) => i > 0 && n !== ids[i - 1] + 1).length;
window.ready = true;
</script>
`

// beat is the time between two events of the tape.
const beat = 10 * time.Millisecond

// scriptSite is a page with the script, and a bridge that a test breaks.
type scriptSite struct {
	url    string
	began  time.Time
	bridge atomic.Pointer[bridge.Bridge]
	broken atomic.Pointer[http.HandlerFunc] // answers in place of the bridge, unless it is nil
	also   map[string]http.HandlerFunc      // what else is served, by its path
	asked  atomic.Int64                     // requests for a stream
	open   atomic.Int64                     // streams that are open

	mu     sync.Mutex
	from   map[string]int // the open streams of each page, by its URL
	server *http.Server
	served chan struct{}
}

type after struct {
	After int64 `json:"after"`
	Code  int32 `json:"code"`
}

type numbered struct {
	N int64 `json:"n"`
}

// startScriptSite serves a page and these routes:
//
//   - /tape has an event every beat since the test began, with a number as its id, and goes on after any id.
//   - /list has the events 1 to 1000, and then no more.
//   - /end/{code} has one event, and ends with a status.
func startScriptSite(t *testing.T, options ...bridge.Option) *scriptSite {
	t.Helper()
	s := &scriptSite{began: time.Now(), from: map[string]int{}, also: map[string]http.HandlerFunc{}}
	s.bridge.Store(scriptBridge(t, s.began, options))
	s.up(t, loopback.Own())
	t.Cleanup(func() {
		s.down(t)
		require.NoError(t, s.bridge.Load().Close())
	})
	return s
}

// scriptTape is the upstream of /tape.
func scriptTape(began time.Time) bridge.Source {
	return bridge.Func(func(ctx context.Context, r after) iter.Seq2[numbered, error] {
		next := r.After + 1
		if r.After == 0 {
			next = int64(time.Since(began)/beat) + 1
		}
		return func(yield func(numbered, error) bool) {
			for ; ; next++ {
				select {
				case <-time.After(time.Until(began.Add(time.Duration(next) * beat))):
				case <-ctx.Done():
					return
				}
				if !yield(numbered{next}, nil) {
					return
				}
			}
		}
	})
}

// scriptRoute is a route whose events have ids, and which goes on after any id.
func scriptRoute(path string) *config.Route {
	r := config.NewRoute(path)
	r.Event.ID, r.Event.Retry = "n", 500*time.Millisecond
	r.Request.Set = []config.Setting{{Field: "after", Value: config.Reference(config.LastEventID)}}
	return r
}

func scriptBridge(t *testing.T, began time.Time, options []bridge.Option) *bridge.Bridge {
	t.Helper()
	list := bridge.Func(func(ctx context.Context, r after) iter.Seq2[numbered, error] {
		return func(yield func(numbered, error) bool) {
			tick := time.NewTicker(time.Millisecond / 4)
			defer tick.Stop()
			for n := r.After + 1; n <= 1000 && yield(numbered{n}, nil); n++ {
				<-tick.C
			}
			<-ctx.Done()
		}
	})
	end := bridge.Func(func(_ context.Context, r after) iter.Seq2[numbered, error] {
		return func(yield func(numbered, error) bool) {
			if yield(numbered{1}, nil) && r.Code != 0 {
				yield(numbered{}, status.Error(codes.Code(uint32(r.Code)), "as asked")) //nolint:gosec // the test names a code
			}
		}
	})
	route := func(path string, source bridge.Source) bridge.Option {
		return bridge.WithRoute(scriptRoute(path), source)
	}
	b, err := bridge.New(t.Context(), config.New(), append(options, route("/tape", scriptTape(began)), route("/list", list), route("/end/{code}", end))...)
	require.NoError(t, err)
	return b
}

// up begins to listen.
func (s *scriptSite) up(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := &http.Server{Handler: s, ReadHeaderTimeout: patience}
	served := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url, s.server, s.served = "http://"+listener.Addr().String(), server, served
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
}

// down stops to listen, and cuts all connections.
func (s *scriptSite) down(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.NoError(t, s.server.Close())
	<-s.served
}

// restart cuts all connections, and listens again at the same address.
func (s *scriptSite) restart(t *testing.T) {
	t.Helper()
	s.down(t)
	s.up(t, s.url[len("http://"):])
}

func (s *scriptSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/page", "/other":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, scriptPage)
		return
	case client.Path:
		client.Handler().ServeHTTP(w, r)
		return
	}
	if also, ok := s.also[r.URL.Path]; ok {
		also(w, r)
		return
	}
	s.asked.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	s.note(r.Referer(), 1)
	defer s.note(r.Referer(), -1)
	if broken := s.broken.Load(); broken != nil {
		(*broken)(w, r)
		return
	}
	s.bridge.Load().ServeHTTP(w, r)
}

// note counts a stream of a page in or out.
func (s *scriptSite) note(page string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from[page] += n; s.from[page] == 0 {
		delete(s.from, page)
	}
}

// pages returns the URL of a page for each stream that is open.
func (s *scriptSite) pages() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for page, n := range s.from {
		all = append(all, slices.Repeat([]string{page}, n)...)
	}
	return all
}

// breaks makes a handler answer in place of the bridge until the function that it returns is called.
func (s *scriptSite) breaks(h http.HandlerFunc) (mend func()) {
	s.broken.Store(&h)
	return func() { s.broken.Store(nil) }
}

// scriptBrowser is one browser for several pages with the script, one after the other.
type scriptBrowser struct {
	*browserPage
	freeze func(t *testing.T, frozen bool) // stops the page, or lets it go on; nil in Firefox
}

// fresh loads the page.
func (b *scriptBrowser) fresh(t *testing.T, s *scriptSite) {
	t.Helper()
	b.navigate(t, s.url+"/page")
	b.until(t, "window.ready === true")
}

// listen subscribes to a path. options is JavaScript.
func (b *scriptBrowser) listen(t *testing.T, path, options string) {
	t.Helper()
	require.True(t, worth[bool](t, b.browserPage, "listen("+strconv.Quote(path)+", "+options+")"))
}

// more waits until the page has had n more events, and requires that none is lost or comes twice.
func (b *scriptBrowser) more(t *testing.T, n int) {
	t.Helper()
	had := worth[int](t, b.browserPage, "ids.length")
	b.until(t, "ids.length >= "+strconv.Itoa(had+n))
	b.wholly(t)
}

// wholly requires that no event is lost or comes twice.
func (b *scriptBrowser) wholly(t *testing.T) {
	t.Helper()
	require.Zero(t, worth[int](t, b.browserPage, "gaps()"), "%v", worth[[]int](t, b.browserPage, "ids"))
	require.Empty(t, worth[[]string](t, b.browserPage, "resets"))
}

// states returns the states that the page was told, each with its reason.
func (b *scriptBrowser) states(t *testing.T) []string {
	t.Helper()
	return worth[[]string](t, b.browserPage, "states")
}
