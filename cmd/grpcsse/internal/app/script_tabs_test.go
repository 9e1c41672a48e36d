package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scriptTab is one tab of several in a browser.
type scriptTab struct {
	*scriptBrowser
	close func()
	kill  func(t *testing.T) // ends the process of the page
}

// openScriptTabs returns a function that opens a tab with a page, in one browser.
func openScriptTabs(t *testing.T, name string) (open func(t *testing.T, url string) *scriptTab) {
	t.Helper()
	if name == "Firefox" {
		f := startFirefox(t)
		f.chrome(t, `Services.prefs.setIntPref("dom.ipc.processCount.webIsolated", 12)`) // each tab has a process of its own
		return func(t *testing.T, url string) *scriptTab { return openFirefoxTab(t, f, url) }
	}
	browser := startBrowser(t)
	return func(t *testing.T, url string) *scriptTab {
		t.Helper()
		tab, closeTab := openTab(t, browser, url)
		t.Cleanup(closeTab)
		return &scriptTab{close: closeTab, kill: func(*testing.T) {
			ctx, cancel := context.WithTimeout(tab, time.Second)
			defer cancel()
			_, _ = chromedp.Call(ctx, page.Crash, cdp.Empty{}) // a page that crashes does not answer
		}, scriptBrowser: &scriptBrowser{browserPage: &browserPage{evaluate: func(t *testing.T, expression string) json.RawMessage {
			t.Helper()
			found, err := chromedp.Run(tab, chromedp.Evaluate[json.RawMessage](expression))
			require.NoError(t, err, "%s", expression)
			return found
		}}}}
	}
}

func openFirefoxTab(t *testing.T, f *firefoxWindow, url string) *scriptTab {
	t.Helper()
	w := f.tab(t)
	w.open(t, url)
	return &scriptTab{
		close: func() { w.close(t) },
		kill: func(t *testing.T) {
			t.Helper()
			find := `[...gBrowser.browsers].find((b) => b.currentURI.spec === "` + url + `").frameLoader.remoteTab.osPid`
			var pid int
			require.NoError(t, json.Unmarshal(f.chrome(t, find), &pid))
			process, err := os.FindProcess(pid)
			require.NoError(t, err)
			require.NoError(t, process.Kill())
			w.handle = "" // there is no page to close any more
		},
		scriptBrowser: &scriptBrowser{browserPage: &browserPage{evaluate: w.evaluate}},
	}
}

// leader waits until the site has one stream, and returns the tab that has it.
func (s *scriptSite) leader(t *testing.T, except string) (tab string) {
	t.Helper()
	require.Eventually(t, func() bool {
		pages := s.pages()
		if len(pages) != 1 {
			return false
		}
		page, err := url.Parse(pages[0])
		assert.NoError(t, err)
		tab = page.Query().Get("tab")
		return tab != except
	}, patience, beat, "all tabs use one connection")
	return tab
}

// Ten tabs use one connection. The tab that has it is closed, ten times, and another one takes over each time.
func TestTabsShareOneSubscription(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	for _, name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScriptSite(t)
			open := openScriptTabs(t, name)
			pages := map[string]*scriptTab{}
			for i := range 11 {
				tab := fmt.Sprint(i)
				pages[tab] = open(t, s.url+"/page?tab="+tab)
				pages[tab].until(t, "window.ready === true")
				pages[tab].listen(t, "/tape", "{tabs: true}")
			}
			gone := ""
			for range 10 {
				gone = s.leader(t, gone)
				for _, p := range pages {
					p.until(t, `ids.length > 3 && sub.state === "live"`)
				}
				pages[gone].wholly(t)
				pages[gone].close()
				delete(pages, gone)
			}
			last := s.leader(t, gone)
			require.Len(t, pages, 1)
			pages[last].more(t, 20)
			asked := s.asked.Load()
			t.Logf("%d connections for 11 tabs with 11 leaders", asked)
		})
	}
}

// The process of the tab that has the connection is killed. Another tab takes over.
func TestATabTakesOverFromOneThatIsKilled(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	for _, name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScriptSite(t)
			open := openScriptTabs(t, name)
			pages := map[string]*scriptTab{}
			for _, tab := range []string{"1", "2", "3"} {
				pages[tab] = open(t, s.url+"/page?tab="+tab)
				pages[tab].until(t, "window.ready === true")
				pages[tab].listen(t, "/tape", "{tabs: true}")
			}
			gone := s.leader(t, "")
			for _, p := range pages {
				p.until(t, `ids.length > 3 && sub.state === "live"`)
			}
			pages[gone].kill(t)
			delete(pages, gone)
			s.leader(t, gone)
			for _, p := range pages {
				p.more(t, 20)
			}
		})
	}
}
