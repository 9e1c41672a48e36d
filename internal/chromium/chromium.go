// Package chromium starts a headless Chromium for tests.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Browser is a browser that all tests of a package share. It starts when the first test needs it. Its methods may be called
// concurrently, except Quit. The zero value is ready for use.
type Browser struct {
	Options []chromedp.ExecAllocatorOption // besides those that every test needs

	once sync.Once
	ctx  context.Context
	quit func()
	err  error
}

// Tests are the tests of a package, behind which its browser quits.
type Tests struct {
	m *testing.M
	b *Browser
}

// Tests returns the tests of a package with the browser, for goleak, which counts goroutines after them.
func (b *Browser) Tests(m *testing.M) Tests { return Tests{m, b} }

// Run runs the tests, and then quits the browser.
func (t Tests) Run() int {
	defer t.b.Quit()
	return t.m.Run()
}

// Quit quits the browser, and removes its files. It does nothing where the browser was not started. No method may be called after
// Quit.
func (b *Browser) Quit() {
	if b.quit != nil {
		b.quit()
	}
}

// Open opens a URL in a browser profile that shares nothing with other profiles, and returns the context of its tab. The profile is
// closed when the test ends, and each action fails once the limit is over. Where the machine has no Chromium, the test is skipped; it
// fails if GRPCSSE_REQUIRE_BROWSER is 1.
func (b *Browser) Open(t testing.TB, limit time.Duration, url string) context.Context {
	t.Helper()
	path := find()
	if path == "" {
		if os.Getenv("GRPCSSE_REQUIRE_BROWSER") == "1" {
			t.Fatal("GRPCSSE_REQUIRE_BROWSER is 1, and there is no Chromium or Chrome on this machine")
		}
		t.Skip("skipped: there is no Chromium or Chrome on this machine (Debian: apt-get install chromium)")
	}
	b.once.Do(func() { b.start(t.Context(), path) })
	require.NoError(t, b.err)
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	ctx, stop := context.WithTimeout(ctx, limit)
	t.Cleanup(func() {
		assert.NoError(t, chromedp.Cancel(ctx))
		stop()
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	return ctx
}

func (b *Browser) start(ctx context.Context, path string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // containers have no user namespaces; the pages are our own
		chromedp.DisableGPU,
		chromedp.IgnoreCertErrors,              // no authority has signed the certificate of a test
		chromedp.Flag("no-proxy-server", true), // such as one that the environment names
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	// The browser goes on after the test that started it.
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(ctx), append(options, b.Options...)...)
	running, cancel := chromedp.NewContext(allocator)
	b.ctx = running
	b.quit = func() {
		_ = chromedp.Cancel(running) // gracefully, so that the browser removes its files
		cancel()
		stop()
	}
	b.err = chromedp.Do(running, chromedp.Navigate("about:blank"))
}

// find looks in the same places as chromedp.
func find() string {
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
