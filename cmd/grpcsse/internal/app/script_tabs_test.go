package app_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openScriptTabs returns a function that opens a tab with a page, in one browser.
func openScriptTabs(t *testing.T, name string) (open func(t *testing.T, url string) (p *scriptBrowser, closeTab func())) {
	t.Helper()
	if name == "Firefox" {
		f := startFirefox(t)
		return func(t *testing.T, url string) (*scriptBrowser, func()) {
			t.Helper()
			var made struct{ Handle string }
			require.NoError(t, json.Unmarshal(f.command(t, "WebDriver:NewWindow", map[string]any{"type": "tab"}), &made))
			turn := func() {
				f.command(t, "WebDriver:SwitchToWindow", map[string]any{"handle": made.Handle, "focus": false})
			}
			turn()
			f.open(t, url)
			p := &scriptBrowser{browserPage: &browserPage{evaluate: func(t *testing.T, expression string) json.RawMessage {
				t.Helper()
				turn()
				return f.evaluate(t, expression)
			}}}
			return p, func() {
				turn()
				f.command(t, "WebDriver:CloseWindow", nil)
			}
		}
	}
	browser := startBrowser(t)
	return func(t *testing.T, url string) (*scriptBrowser, func()) {
		t.Helper()
		tab, closeTab := openTab(t, browser, url)
		t.Cleanup(closeTab)
		return &scriptBrowser{browserPage: &browserPage{evaluate: func(t *testing.T, expression string) json.RawMessage {
			t.Helper()
			found, err := chromedp.Run(tab, chromedp.Evaluate[json.RawMessage](expression))
			require.NoError(t, err, "%s", expression)
			return found
		}}}, closeTab
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
	for _, name := range []string{"Chromium", "Firefox"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScriptSite(t)
			open := openScriptTabs(t, name)
			pages, closes := map[string]*scriptBrowser{}, map[string]func(){}
			for i := range 11 {
				tab := fmt.Sprint(i)
				pages[tab], closes[tab] = open(t, s.url+"/page?tab="+tab)
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
				closes[gone]()
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
