package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// browsers are those in which a page is tried where browsers differ.
var browsers = []string{"Chromium", "Firefox"}

// Keys that are no characters, with the code points that WebDriver gives them.
const (
	keyTab    = "\uE004"
	keyEnter  = "\uE007"
	keyEscape = "\uE00C"
	keyHome   = "\uE011"
	keyLeft   = "\uE012"
)

var keysOfChromium = strings.NewReplacer(keyTab, kb.Tab, keyEnter, kb.Enter, keyEscape, kb.Escape, keyHome, kb.Home, keyLeft, kb.ArrowLeft)

// browserPage is a page in one of the browsers.
type browserPage struct {
	// evaluate returns the JSON of what a JavaScript expression is worth.
	evaluate func(t *testing.T, expression string) json.RawMessage
	navigate func(t *testing.T, url string)
	press    func(t *testing.T, keys string)
	leave    func() // closes the page; the end of the test does it too
	restores bool   // going back shows the page that was left, also one with an open stream. A driven Firefox loads it anew.
}

// opener opens a page. The page may complain with one of the allowed texts.
type opener func(t *testing.T, url string, allowed ...string) *browserPage

// inEachBrowser runs a test in each browser. A test of JavaScript runs without the race detector: see runsOnce.
func inEachBrowser(t *testing.T, run func(t *testing.T, open opener)) {
	t.Helper()
	runsOnce(t)
	t.Parallel()
	for _, name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, startIn(t, name))
		})
	}
}

// startIn returns what opens pages in a browser of that name. The pages are tabs of one window, and share what a site stores.
func startIn(t *testing.T, name string) opener {
	t.Helper()
	if name == "Firefox" {
		first := openFirefox(t)
		window := first
		return func(t *testing.T, url string, _ ...string) *browserPage {
			t.Helper()
			w := window
			if w == nil {
				w = first.tab(t)
			}
			window = nil
			w.open(t, url)
			return &browserPage{evaluate: w.evaluate, navigate: w.open, press: w.press, leave: func() { w.close(t) }}
		}
	}
	browser := startBrowser(t)
	return func(t *testing.T, url string, allowed ...string) *browserPage {
		t.Helper()
		tab, closeTab := openTab(t, browser, url, allowed...)
		t.Cleanup(closeTab)
		return pageIn(tab, closeTab)
	}
}

// pageIn returns the page in a tab of Chromium.
func pageIn(tab context.Context, closeTab func()) *browserPage {
	return &browserPage{
		restores: true,
		leave:    closeTab,
		evaluate: func(t *testing.T, expression string) json.RawMessage {
			t.Helper()
			found, err := chromedp.Run(tab, chromedp.Evaluate[json.RawMessage](expression))
			require.NoError(t, err, "%s", expression)
			return found
		},
		navigate: func(t *testing.T, url string) {
			t.Helper()
			require.NoError(t, chromedp.Do(tab, chromedp.Navigate(url)))
		},
		press: func(t *testing.T, keys string) {
			t.Helper()
			require.NoError(t, chromedp.Do(tab, chromedp.KeyEvent(keysOfChromium.Replace(keys))))
		},
	}
}

// worth decodes what an expression is worth on a page.
func worth[T any](t *testing.T, p *browserPage, expression string) (value T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(p.evaluate(t, expression), &value), "%s", expression)
	return value
}

// until waits until an expression is true.
func (p *browserPage) until(t *testing.T, expression string) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for !worth[bool](t, p, "Boolean("+expression+")") {
		select {
		case <-again.C:
		case <-late:
			text := worth[string](t, p, "document.body.innerText")
			require.FailNow(t, "it never came true", "%s\nthe page says:\n%s", expression, text)
		}
	}
}

// click presses a button, wherever it is on the page.
func (p *browserPage) click(t *testing.T, selector string) {
	t.Helper()
	p.evaluate(t, fmt.Sprintf(`document.querySelector(%q).click()`, selector)+" === undefined")
}
