package demopage

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func examplePage() Page {
	page := Page{Address: "127.0.0.1:8080", Upstream: "127.0.0.1:50051", Second: "127.0.0.1:8081", Command: "./grpcsse", Config: []byte("routes: []\n"), Streams: map[string]Stream{}}
	for _, name := range []string{"quotes", "activity", "crowd", "tape", "notifications", "job", "count", "fault"} {
		page.Streams[name] = Stream{Name: name, Path: "/" + name, RPC: "demo.v1.Service/Watch<" + name + ">", YAML: "- name: " + name}
	}
	return page
}

func get(t *testing.T, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := Handler(examplePage(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	require.NoError(t, err)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return recorder
}

func TestEveryFileIsServedAndLocal(t *testing.T) {
	index := get(t, http.MethodGet, "/").Body.String()
	pages := map[string]string{"": index}
	require.NoError(t, fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		answer := get(t, http.MethodGet, "/"+name)
		assert.Equal(t, http.StatusOK, answer.Code, name)
		pages[name] = answer.Body.String()
		return nil
	}))
	reference := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "\./([^"]+)"|url\(([^)]+)\)`)
	for name, text := range pages {
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			target := match[1] + match[2] + match[3]
			if match[2] != "" {
				target = "page/" + target
			}
			assert.NotContains(t, target, ":", "%s refers to %s: the page must load from its own server only", name, target)
			assert.Equal(t, http.StatusOK, get(t, http.MethodGet, "/"+target).Code, "%s refers to %s", name, target)
		}
	}
}

func TestEveryModuleIsTypeChecked(t *testing.T) {
	modules, err := fs.Glob(files, "page/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, modules)
	for _, name := range modules {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(text), "// @ts-check\n"), name)
	}
}

func TestPageIsStrict(t *testing.T) {
	answer := get(t, http.MethodGet, "/")
	assert.Equal(t, "text/html; charset=utf-8", answer.Header().Get("Content-Type"))
	policy := answer.Header().Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	body := answer.Body.String()
	assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|<script>`, body, "what the policy forbids")
	assert.Contains(t, body, "demo.v1.Service/Watch&lt;quotes&gt;", "what comes from outside is escaped")
	assert.Contains(t, body, "curl -N 'http://127.0.0.1:8080/quotes/AAPL'")
	assert.Contains(t, body, "./grpcsse serve --upstream 127.0.0.1:50051 --listen 127.0.0.1:8081")
}

// The crowd listens to one route, and the page to another that tells how the crowd fares.
func TestTheCrowdsBoxNamesTheRoutesThatItShows(t *testing.T) {
	_, box, found := strings.Cut(get(t, http.MethodGet, "/").Body.String(), `id="crowd"`)
	require.True(t, found)
	box, _, _ = strings.Cut(box, "</section>")
	for _, name := range []string{"tape", "crowd"} {
		assert.Regexp(t, `<code[^>]*>/`+name+`</code>`, box)
		assert.Contains(t, box, "- name: "+name, "the route as the file has it")
	}
}

func TestHandler(t *testing.T) {
	tests := []struct {
		method, target string
		code           int
	}{
		{http.MethodGet, "/", http.StatusOK},
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodGet, "/demo.yaml", http.StatusOK},
		{http.MethodGet, "/favicon.ico", http.StatusFound},
		{http.MethodGet, "/page/none.js", http.StatusNotFound},
		{http.MethodGet, "/page/", http.StatusTeapot}, // no listing: the bridge answers
		{http.MethodGet, "/quotes", http.StatusTeapot},
		{http.MethodGet, "/page/../demopage.go", http.StatusNotFound},
	}
	for _, test := range tests {
		assert.Equal(t, test.code, get(t, test.method, test.target).Code, "%s %s", test.method, test.target)
	}
	assert.Equal(t, "routes: []\n", get(t, http.MethodGet, "/demo.yaml").Body.String())
}

func TestAMissingRouteIsFoundAtStart(t *testing.T) {
	page := examplePage()
	delete(page.Streams, "job")
	_, err := Handler(page, http.NotFoundHandler())
	require.ErrorContains(t, err, `"job"`)
}
