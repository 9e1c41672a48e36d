package console

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

	"github.com/grpcsse/grpcsse/bridge/config"
)

func newConsole(t *testing.T, b Bridge, apart bool) *Console {
	t.Helper()
	return New(Settings{Bridge: b, History: NewHistory(), Config: func() *config.Config { return config.New() }, Apart: apart})
}

func ask(t *testing.T, c *Console, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

// pageFiles returns the files of the page by name.
func pageFiles(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		out[strings.TrimPrefix(name, "page/")] = string(text)
		return err
	}))
	require.NotEmpty(t, out)
	return out
}

func TestEveryFileIsServedAndLocal(t *testing.T) {
	c := newConsole(t, &fake{}, false)
	reference := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "\./([^"]+)"|\burl\(([^)]+)\)|import\("([^"]+)"\)`)
	for name, text := range pageFiles(t) {
		target := Prefix + strings.TrimSuffix(name, "index.html")
		answer := ask(t, c, http.MethodGet, target)
		assert.Equal(t, http.StatusOK, answer.Code, name)
		assert.True(t, c.Static(target), name)
		policy := answer.Header().Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'; script-src 'self'")
		assert.NotContains(t, policy, "unsafe")
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			other := strings.Join(match[1:], "")
			assert.NotContains(t, other, ":", "%s refers to %s: the page must load from its own server only", name, other)
			assert.Equal(t, http.StatusOK, ask(t, c, http.MethodGet, path.Join(Prefix, other)).Code, "%s refers to %s", name, other)
		}
	}
}

// Text from outside must not become markup or code, and nothing is stored in the browser.
func TestNoModuleMakesMarkupOrStoresAnything(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|` +
		`setHTML|\beval\(|new Function|localStorage|sessionStorage|indexedDB|document\.cookie|serviceWorker|postMessage`)
	modules := 0
	for name, text := range pageFiles(t) {
		switch path.Ext(name) {
		case ".js":
			modules++
			assert.True(t, strings.HasPrefix(text, "// @ts-check\n"), name)
			assert.Empty(t, forbidden.FindAllString(text, -1), name)
		case ".html":
			assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|<script>`, text, "what the policy forbids")
		}
	}
	assert.Positive(t, modules)
}

func TestStaticPathsAreFilesOnly(t *testing.T) {
	c := newConsole(t, &fake{}, true)
	for target, static := range map[string]bool{
		Prefix: true, Prefix + "main.js": true, Prefix + "api/overview": false, Prefix + "stream/quotes": false, Prefix + "none.js": false,
		Prefix + "../routes": false, Prefix + "../console.go": false, "/main.js": false, Prefix + "api": false, Prefix + ".": false,
	} {
		assert.Equal(t, static, c.Static(target), target)
	}
}
