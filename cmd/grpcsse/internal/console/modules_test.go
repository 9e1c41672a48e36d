package console

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program returns the path of a program. Without it the test is skipped, or fails if GRPCSSE_REQUIRE_BROWSER is 1.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_BROWSER") == "1" {
			t.Fatalf("GRPCSSE_REQUIRE_BROWSER is 1, and there is no %s on this machine", name)
		}
		t.Skipf("skipped: there is no %s on this machine", name)
	}
	return path
}

// modules returns a directory in which Node.js takes the files of the page for modules: page, and modules with the tests.
func modules(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "page"), os.DirFS("page")))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "modules"), os.DirFS(filepath.Join("testdata", "modules"))))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o600))
	return dir
}

// output runs a program in a directory, and returns what it writes.
func output(t *testing.T, dir, path string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, arguments...)
	command.Dir = dir
	text, err := command.CombinedOutput()
	require.NoError(t, err, "%v:\n%s", arguments, text)
	return string(text)
}

// The modules that need no page are tested where there is Node.js: bounds, the reader of streams, differences, copied code.
func TestTheModules(t *testing.T) {
	node := program(t, "node")
	dir := modules(t)
	tests, err := filepath.Glob(filepath.Join(dir, "modules", "*.test.js"))
	require.NoError(t, err)
	require.NotEmpty(t, tests)
	report := output(t, dir, node, append([]string{"--expose-gc", "--test"}, tests...)...)
	assert.NotContains(t, report, "# pass 0\n")
	files, err := filepath.Glob(filepath.Join(dir, "page", "*.js"))
	require.NoError(t, err)
	for _, file := range files {
		output(t, dir, node, "--check", file)
	}
}

// What the page shows for curl is the request, whatever stands in it.
func TestTheCommandForCurlIsTheRequest(t *testing.T) {
	node, curl, shell := program(t, "node"), program(t, "curl"), program(t, "sh")
	require.NotEmpty(t, curl)
	type seen struct {
		Method, URI, Body, Host string
		Header                  http.Header
	}
	requests := make(chan seen, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing shows below
		requests <- seen{r.Method, r.RequestURI, string(body), r.Host, r.Header}
	}))
	t.Cleanup(server.Close)
	dir := modules(t)
	const nasty = "@'\"$HOME`id`\\\n{ä} ;&|*"
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		request, err := json.Marshal(map[string]any{
			"method": method, "url": "http://app.example.org:1/quotes/A'B?x=%24HOME&y=1", "connect": strings.TrimPrefix(server.URL, "http://"),
			"body": nasty, "headers": [][2]string{{"Authorization", `Bearer a'b"$HOME`}, {"X-Empty", ""}},
		})
		require.NoError(t, err)
		line := output(t, dir, node, "--input-type=module", "-e", `import {curl} from "./page/snippets.js"; process.stdout.write(curl(`+string(request)+`))`)
		output(t, dir, shell, "-c", line+" -s")
		got := <-requests
		assert.Equal(t, method, got.Method)
		assert.Equal(t, "/quotes/A'B?x=%24HOME&y=1", got.URI)
		assert.Equal(t, "app.example.org:1", got.Host)
		assert.Equal(t, []string{`Bearer a'b"$HOME`}, got.Header["Authorization"])
		assert.Equal(t, []string{""}, got.Header["X-Empty"])
		assert.Equal(t, "text/event-stream", got.Header.Get("Accept"))
		assert.Equal(t, map[string]string{http.MethodGet: "", http.MethodPost: nasty}[method], got.Body)
	}
}
