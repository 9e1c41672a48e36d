package app_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// patience bounds what has no limit of its own in the tests with a browser.
const patience = 60 * time.Second

// chromium is the browser that all tests of a run share. Each test has a browser profile of its own.
var chromium sharedBrowser

// sharedBrowser starts a headless Chromium when the first test needs it.
type sharedBrowser struct {
	once sync.Once
	ctx  context.Context
	quit func()
	err  error
}

// testsWithBrowser runs the tests, and then quits the browsers, before goroutines are counted.
type testsWithBrowser struct{ m *testing.M }

func (r testsWithBrowser) Run() int {
	code := r.m.Run()
	if chromium.quit != nil {
		chromium.quit()
	}
	sharedFirefox.quit()
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(testsWithBrowser{m}) }

func (b *sharedBrowser) launch(ctx context.Context, path string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // containers have no user namespaces; the page is our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("force-prefers-reduced-motion", true), // colours change at once
	)
	// The browser goes on after the test that started it.
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(ctx), options...)
	running, cancel := chromedp.NewContext(allocator)
	b.ctx = running
	b.quit = func() {
		_ = chromedp.Cancel(running) // gracefully, so that the browser removes its files
		cancel()
		stop()
	}
	b.err = chromedp.Do(running, chromedp.Navigate("about:blank"))
}

// startBrowser returns a context for the first tab of a browser profile. Without a browser on this machine the test is skipped, or
// fails if GRPCSSE_REQUIRE_BROWSER is 1.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := findBrowser()
	if path == "" {
		if os.Getenv("GRPCSSE_REQUIRE_BROWSER") == "1" {
			t.Fatal("GRPCSSE_REQUIRE_BROWSER is 1, and there is no Chromium or Chrome on this machine")
		}
		t.Skip("skipped: there is no Chromium or Chrome on this machine (Debian: apt-get install chromium)")
	}
	chromium.once.Do(func() { chromium.launch(t.Context(), path) })
	require.NoError(t, chromium.err)
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	ctx, cancelTimeout := context.WithTimeout(ctx, patience)
	t.Cleanup(func() {
		assert.NoError(t, chromedp.Cancel(ctx))
		cancelTimeout()
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	return ctx
}

// findBrowser looks where chromedp does.
func findBrowser() string {
	for _, name := range []string{
		"headless_shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"google-chrome-beta", "google-chrome-unstable", "/usr/bin/google-chrome", "chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
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
