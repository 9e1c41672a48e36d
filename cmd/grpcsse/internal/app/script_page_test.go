package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tenLines returns the page with the script in docs/browser.md.
func tenLines(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/browser.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## With the script\n")
	require.True(t, found)
	block := regexp.MustCompile("(?ms)^```html\n(.*?)^```$").FindStringSubmatch(section)
	require.NotNil(t, block)
	require.Equal(t, 10, strings.Count(block[1], "\n"), "the page has ten lines")
	return block[1]
}

// quotesSite serves a page in front of the demo, and notes the cursors of its streams.
type quotesSite struct {
	url string

	mu      sync.Mutex
	cursors []string
}

func startQuotesSite(t *testing.T, page string) *quotesSite {
	t.Helper()
	demo, err := url.Parse(startDemo(t).page)
	require.NoError(t, err)
	s := new(quotesSite)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(demo)
		if r.In.URL.Path == "/quotes/AAPL" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cursors = append(s.cursors, r.In.URL.Query().Get("last_event_id"))
		}
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page))
	})
	mux.HandleFunc("/favicon.ico", http.NotFound)
	mux.Handle("/", proxy)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// press presses a button of the demo.
func (s *quotesSite) press(t *testing.T, button string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/backstage/"+button, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
}

// The page of ten lines in docs/browser.md shows live data, says when it is stale, and goes on after a reload.
func TestThePageOfTenLines(t *testing.T) {
	page := tenLines(t)
	inBothBrowsers(t, func(t *testing.T, b *scriptBrowser) {
		s := startQuotesSite(t, page)
		const badge = `document.querySelectorAll("output")[1].value`
		shows := func(state string) {
			t.Helper()
			b.until(t, badge+` === "`+state+`" && document.querySelectorAll("output")[1].dataset.state === "`+state+`"`)
		}
		changes := func() {
			t.Helper()
			b.until(t, `/^\d+\.\d\d$/.test(document.querySelector("output").value)`)
			price := worth[string](t, b.browserPage, `document.querySelector("output").value`)
			b.until(t, `document.querySelector("output").value !== "`+price+`"`)
		}
		b.navigate(t, s.url+"/page")
		shows("live")
		changes()
		s.press(t, "upstream/kill")
		shows("stale")
		s.press(t, "upstream/restart")
		shows("live")
		changes()
		b.navigate(t, s.url+"/page?again")
		shows("live")
		changes()
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Len(t, s.cursors, 2, "the page has one stream, also while the server is dead")
		assert.Empty(t, s.cursors[0])
		assert.Regexp(t, `^\d+$`, s.cursors[1], "the page goes on behind what it has shown")
	})
}

// The script of the page compiles where the routes are declared, and its mistakes do not.
func TestThePageOfTenLinesIsTyped(t *testing.T) {
	_, script, found := strings.Cut(tenLines(t), "<script type=\"module\">\n")
	require.True(t, found)
	script, _, _ = strings.Cut(script, "</script>")
	tsc := nodeProgram(t, clientFolder, "tsc")
	folder := t.TempDir()
	packages, err := filepath.Abs(filepath.Join(recipesFolder, "node_modules"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(packages, filepath.Join(folder, "node_modules")))
	copyTo(t, filepath.Join(clientFolder, "test/types/routes.d.ts"), filepath.Join(folder, "routes.d.ts"))
	args := strings.Fields("--strict --noEmit --pretty false --module esnext --moduleResolution bundler --target es2022 --lib es2022,dom,dom.iterable")
	args = append(args, "--types", "", "routes.d.ts")
	script = strings.ReplaceAll(script, `"/grpcsse.js"`, `"grpcsse"`)
	files := []struct{ name, was, wrong, complaint string }{
		{name: "right.ts"},
		{"field.ts", "data.price", "data.prise", "Property 'prise' does not exist on type 'Quote'"},
		{"variable.ts", `{symbol: "AAPL"}`, "{}", "No overload matches this call"},
		{"parameter.ts", "{resume: {}}", "{query: {v: 1}}", "No overload matches this call"},
	}
	for _, file := range files {
		require.Contains(t, script, file.was)
		text := strings.Replace(script, file.was, file.wrong, 1)
		require.NoError(t, os.WriteFile(filepath.Join(folder, file.name), []byte(text), 0o600))
		args = append(args, file.name)
	}
	command := exec.CommandContext(t.Context(), tsc, args...)
	command.Dir = folder
	said, err := command.CombinedOutput()
	require.Error(t, err)
	for _, file := range files {
		if file.complaint == "" {
			assert.NotContains(t, string(said), file.name)
		} else {
			assert.Regexp(t, regexp.MustCompile("(?m)^"+file.name+`\(\d+,\d+\): .*`+regexp.QuoteMeta(file.complaint)), string(said))
		}
	}
}

// nodeProgram returns a program of npm's packages in a folder. Without it the test is skipped, or fails if GRPCSSE_REQUIRE_NODE is 1.
func nodeProgram(t *testing.T, folder, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(folder, "node_modules/.bin", name))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NODE") == "1" {
			t.Fatalf("GRPCSSE_REQUIRE_NODE is 1, and there is no %s: run `make client`", path)
		}
		t.Skipf("skipped: there is no %s (make client)", path)
	}
	return path
}

// silently runs a program in a folder, which must say nothing.
func silently(t *testing.T, folder, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "NODE_ENV=development")
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Empty(t, string(said))
}
