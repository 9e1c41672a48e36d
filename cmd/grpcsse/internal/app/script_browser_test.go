package app_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inBothBrowsers runs a test in each browser. A browser runs all of its subtests, since starting one takes seconds.
func inBothBrowsers(t *testing.T, run func(t *testing.T, b *scriptBrowser)) {
	t.Helper()
	runsOnce(t)
	t.Parallel()
	for _, name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, startScriptBrowser(t, name))
		})
	}
}

func startScriptBrowser(t *testing.T, name string) *scriptBrowser {
	t.Helper()
	if name == "Firefox" {
		f := openFirefox(t)
		return &scriptBrowser{browserPage: &browserPage{evaluate: f.evaluate, navigate: f.open}}
	}
	tab := startBrowser(t)
	return &scriptBrowser{browserPage: pageIn(tab, func() {}), freeze: func(t *testing.T, frozen bool) {
		t.Helper()
		state := page.SetWebLifecycleStateStateActive
		if frozen {
			state = page.SetWebLifecycleStateStateFrozen
		}
		_, err := chromedp.Call(tab, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
		require.NoError(t, err)
	}}
}

// Only Chromium has these breakages. Firefox keeps no page with an open stream, and loads it anew; and it freezes no page.
const (
	inTheCache = "the page was in the cache"
	frozen     = "the page was frozen"
)

// breakage breaks what is between a page and its events.
type breakage map[string]func(t *testing.T, b *scriptBrowser, s *scriptSite)

// A page comes back whatever the network and the servers do.
func TestASubscriptionComesBack(t *testing.T) {
	breakage{
		"the network is cut":          cutTheNetwork,
		"the bridge drains":           drainTheBridge,
		"a connection is refused":     stopListening,
		"a proxy answers 502":         answer502,
		"a proxy answers with a page": answerHTML,
	}.run(t)
}

// A page finds out by itself that it has no connection any more.
func TestASubscriptionNoticesThatItIsDead(t *testing.T) {
	breakage{
		"nothing comes any more":                fallSilent,
		"the machine was asleep":                jumpTheClock,
		"the page waited, and was in the cache": leaveWhileItWaits,
		inTheCache:                              leaveAndComeBack,
		frozen:                                  freezeThePage,
	}.run(t)
}

// run requires that a page goes on after each breakage, without a loss or a repeat.
func (all breakage) run(t *testing.T) {
	t.Helper()
	inBothBrowsers(t, func(t *testing.T, b *scriptBrowser) {
		for name, breaks := range all {
			if (name == inTheCache && !b.restores) || (name == frozen && b.freeze == nil) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				s := startScriptSite(t)
				b.fresh(t, s)
				b.listen(t, "/tape", "{}")
				b.more(t, 20)
				assert.Equal(t, []string{"live"}, b.states(t))
				breaks(t, b, s)
				b.more(t, 20)
				b.until(t, `sub.state === "live" && sub.why === undefined`)
				require.True(t, worth[bool](t, b.browserPage, "sub.close() === undefined"))
				b.until(t, `over === "done" && end.reason === "closed"`)
				b.wholly(t)
			})
		}
	})
}

// told waits until the page was told of a state.
func (b *scriptBrowser) told(t *testing.T, state string) {
	t.Helper()
	b.until(t, "states.includes("+strconv.Quote(state)+")")
}

func cutTheNetwork(t *testing.T, b *scriptBrowser, s *scriptSite) {
	s.restart(t)
	b.told(t, "reconnecting network")
}

func drainTheBridge(t *testing.T, b *scriptBrowser, s *scriptSite) {
	old := s.bridge.Load()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = old.Shutdown(ctx) // until the end of the test, the old bridge turns everybody away
	b.told(t, "reconnecting drain")
	asked := s.asked.Load()
	require.Eventually(t, func() bool { return s.asked.Load() > asked }, patience, beat, "the page comes back meanwhile")
	s.bridge.Store(scriptBridge(t, s.began, nil))
	require.NoError(t, old.Close())
}

func stopListening(t *testing.T, b *scriptBrowser, s *scriptSite) {
	s.down(t)
	b.told(t, "reconnecting network")
	b.until(t, `states.filter((s) => s === "reconnecting network").length >= 2`) // a connection was refused
	s.up(t, s.url[len("http://"):])
}

func answer502(t *testing.T, b *scriptBrowser, s *scriptSite) {
	mend := s.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s.restart(t)
	b.told(t, "reconnecting http")
	mend()
}

func answerHTML(t *testing.T, b *scriptBrowser, s *scriptSite) {
	mend := s.breaks(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>We are back soon.")
	})
	s.restart(t)
	b.told(t, "reconnecting http")
	mend()
}

func fallSilent(t *testing.T, b *scriptBrowser, s *scriptSite) {
	require.True(t, worth[bool](t, b.browserPage, "sub.close() === undefined"))
	b.listen(t, "/tape", "{silence: 1000}")
	b.more(t, 20)
	dead := make(chan struct{}, 100)
	mend := s.breaks(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ":\n")
		_ = http.NewResponseController(w).Flush()
		dead <- struct{}{}
		<-r.Context().Done()
	})
	s.restart(t)
	select {
	case <-dead:
	case <-time.After(patience):
		require.FailNow(t, "the page did not come back")
	}
	mend()
	b.told(t, "reconnecting silent")
}

func jumpTheClock(t *testing.T, b *scriptBrowser, s *scriptSite) {
	mend := s.breaks(func(w http.ResponseWriter, r *http.Request) { // the connection that the machine had is gone, and does not know it
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ":\n") // Firefox waits for the first byte
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	asked := s.asked.Load()
	s.restart(t)
	require.Eventually(t, func() bool { return s.asked.Load() > asked }, patience, beat)
	b.until(t, `sub.state === "live"`)
	mend()
	require.True(t, worth[bool](t, b.browserPage, "jump(8 * 3600 * 1000)"))
	b.told(t, "reconnecting silent")
}

// leaveWhileItWaits leaves a page that has no connection and is about to ask for one. Both browsers can keep such a page. Firefox
// decides each time whether it does, and has memory for a few pages of all its windows, so the page is left up to three times.
func leaveWhileItWaits(t *testing.T, b *scriptBrowser, s *scriptSite) {
	for range 3 {
		mend := s.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		s.restart(t)
		// It waits for seconds now. A page that asks while it is left is not kept by Firefox, so the wait must outlast the leaving also
		// on a slow machine.
		b.until(t, `states.filter((s) => s === "reconnecting http").length >= 3`)
		if goAndComeBack(t, b, s, mend) {
			return
		}
		b.listen(t, "/tape", "{}")
		b.more(t, 20)
	}
	require.Fail(t, "the browser has loaded the page anew each time")
}

func leaveAndComeBack(t *testing.T, b *scriptBrowser, s *scriptSite) {
	require.True(t, goAndComeBack(t, b, s, func() {}), "the browser has kept the page")
}

func freezeThePage(t *testing.T, b *scriptBrowser, s *scriptSite) {
	require.True(t, worth[bool](t, b.browserPage, `(() => {
		window.frozen = false;
		document.addEventListener("freeze", () => { window.frozen = true; });
		return true;
	})()`))
	b.freeze(t, true)
	s.restart(t)
	b.freeze(t, false)
	b.until(t, "frozen")
	b.told(t, "reconnecting network")
}

// goAndComeBack goes to another page, and back to the page that was left. It reports whether the browser has kept that page. Otherwise
// the browser has loaded it anew.
func goAndComeBack(t *testing.T, b *scriptBrowser, s *scriptSite, meanwhile func()) (kept bool) {
	had := worth[int](t, b.browserPage, "mark()")
	b.navigate(t, s.url+"/other")
	b.until(t, "window.ready === true && window.marked === 0")
	require.Eventually(t, func() bool { return s.open.Load() == 0 }, patience, beat, "the page that was left has no stream")
	meanwhile()
	b.evaluate(t, "setTimeout(() => history.back()) > 0")
	b.until(t, `location.pathname === "/page" && window.ready === true`)
	if worth[int](t, b.browserPage, "window.marked") != had {
		return false
	}
	b.told(t, "reconnecting hidden")
	return true
}

// What a page with the script can rely on. The tests share one browser of each kind, since starting one takes seconds.
func TestASubscription(t *testing.T) {
	inBothBrowsers(t, func(t *testing.T, b *scriptBrowser) {
		for name, run := range map[string]func(t *testing.T, b *scriptBrowser){
			"ends":                            endForGood,
			"keeps its place across a reload": keepThePlace,
			"takes bad input":                 takeBadInput,
			"works with workers":              workWithWorkers,
			"renews its token":                renewTheToken,
		} {
			t.Run(name, func(t *testing.T) { run(t, b) })
		}
	})
}

func endForGood(t *testing.T, b *scriptBrowser) {
	s := startScriptSite(t)
	b.fresh(t, s)
	b.listen(t, "/end/0", "{}")
	b.until(t, `over === "done"`)
	assert.Equal(t, []string{"live", "ended upstream"}, b.states(t))
	assert.Equal(t, "OK", worth[string](t, b.browserPage, "end.status"))
	b.listen(t, "/end/5", "{}")
	b.until(t, `over === "Error: NOT_FOUND: as asked"`)
	assert.Equal(t, []int{1}, worth[[]int](t, b.browserPage, "ids"), "the error comes behind the events")
	b.listen(t, "/no/such/path", "{}")
	b.until(t, `over.startsWith("Error: ") && end.code === 5`)
	asked := s.asked.Load()
	assert.EqualValues(t, 3, asked)
	b.listen(t, "/tape", "{signal: (window.abort = new AbortController()).signal}")
	b.more(t, 5)
	b.evaluate(t, "window.abort.abort() === undefined")
	b.until(t, `over === "done" && end.reason === "closed"`)
	require.Eventually(t, func() bool { return s.open.Load() == 0 }, patience, beat)
	assert.Equal(t, asked+1, s.asked.Load(), "nothing comes back after an end")
}

// A page that is loaded again in the middle of a list goes on behind the last event that it has processed.
func keepThePlace(t *testing.T, b *scriptBrowser) {
	s := startScriptSite(t)
	const options = `{resume: {store: sessionStorage, key: "list"}}, true`
	last := 0
	for _, until := range []int{100, 400, 700, 1000} {
		b.fresh(t, s)
		b.listen(t, "/list", options)
		b.until(t, "ids.at(-1) >= "+strconv.Itoa(until))
		b.wholly(t)
		assert.LessOrEqual(t, worth[int](t, b.browserPage, "ids[0]"), last+1, "no event is lost")
		b.navigate(t, s.url+"/other")
		b.until(t, "window.ready === true")
		committed := worth[string](t, b.browserPage, `sessionStorage.getItem("list")`)
		n, err := strconv.Atoi(committed)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, until)
		last = n
	}
	assert.Equal(t, 1000, last)
}
