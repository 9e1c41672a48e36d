package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/grpcsse/grpcsse/internal/chromium"
)

// patience bounds what has no limit of its own in the tests with a browser.
const patience = 60 * time.Second

// sharedChromium is the browser that all tests of a run share. Each test has a browser profile of its own.
var sharedChromium = chromium.Browser{Options: []chromedp.ExecAllocatorOption{
	chromedp.Flag("force-prefers-reduced-motion", true), // colours change at once
}}

// testsWithBrowsers are the tests, behind which both browsers quit.
type testsWithBrowsers struct{ chromium.Tests }

func (r testsWithBrowsers) Run() int {
	defer sharedFirefox.quit()
	return r.Tests.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(testsWithBrowsers{sharedChromium.Tests(m)}) }

// startBrowser returns a context for the first tab of a browser profile, which fails after the patience of these tests.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	return sharedChromium.Open(t, patience, "about:blank")
}

// runsOnce skips a long test of what a page does in a run with the race detector. Such a test is about JavaScript, and runs without
// the detector. What it uses of the program is used with the detector by the shorter tests of pages.
func runsOnce(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("skipped: it runs without the race detector")
	}
}

// openTab opens a URL in a new tab of the browser. Whatever the page complains about fails the test, unless it holds one of the
// allowed texts.
func openTab(t *testing.T, browser context.Context, url string, allowed ...string) (tab context.Context, closeTab func()) {
	t.Helper()
	tab, closeTab = chromedp.NewContext(browser)
	messages := chromedp.Console(tab)
	go func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			holds := func(text string) bool { return strings.Contains(message.String(), text) }
			if slices.ContainsFunc(allowed, holds) {
				continue
			}
			if message.IsException() || message.Type == "error" || message.Type == "warning" {
				assert.Fail(t, "the page complains", message.String())
			}
		}
	}()
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(url)))
	return tab, closeTab
}

// eventually waits until a JavaScript expression is true.
func eventually(t *testing.T, tab context.Context, expression string) {
	t.Helper()
	_, err := chromedp.Run(tab, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingTimeout(patience)))
	if err != nil {
		text, _ := chromedp.Run(tab, chromedp.Evaluate[string]("document.body.innerText"))
		require.NoError(t, err, "%s never came true; the page says:\n%s", expression, text)
	}
}

// click presses a button, wherever it is on the page.
func click(t *testing.T, tab context.Context, selector string) {
	t.Helper()
	_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.querySelector("`+selector+`").click() === undefined`))
	require.NoError(t, err)
}
