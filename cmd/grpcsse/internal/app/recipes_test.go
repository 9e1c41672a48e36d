package app_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// clientFolder has the script for pages, and recipesFolder what builds the recipes of docs/frameworks.md.
const (
	clientFolder  = "../../../../client"
	recipesFolder = clientFolder + "/test/recipes"
)

// longestRecipe is how many lines a recipe for a framework may have.
const longestRecipe = 30

// exchange is the upstream of the recipes. It counts the streams of each symbol.
type exchange struct {
	mu         sync.Mutex
	open, ever map[string]int
}

type quoteRequest struct {
	Symbol string `json:"symbol"`
}

type quote struct {
	Symbol string `json:"symbol"`
	Price  int    `json:"price"`
}

// quotes counts from 1.
func (m *exchange) quotes(ctx context.Context, r quoteRequest) iter.Seq2[quote, error] {
	return func(yield func(quote, error) bool) {
		m.note(r.Symbol, 1)
		defer m.note(r.Symbol, -1)
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for price := 1; yield(quote{r.Symbol, price}, nil); price++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (m *exchange) note(symbol string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ever[symbol] += max(n, 0)
	if m.open[symbol] += n; m.open[symbol] == 0 {
		delete(m.open, symbol)
	}
}

// seen returns the streams that are open, and those that were ever opened.
func (m *exchange) seen(symbol string) (open map[string]int, ever int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	open = map[string]int{}
	for symbol, n := range m.open {
		open[symbol] = n
	}
	return open, m.ever[symbol]
}

// buildRecipes builds a page for React and one for Vue from the code of docs/frameworks.md, and returns the folder with both. Without
// Node.js' packages the test is skipped, or fails if GRPCSSE_REQUIRE_NODE is 1.
func buildRecipes(t *testing.T) (built string) {
	t.Helper()
	vite, tsc := nodeProgram(t, recipesFolder, "vite"), nodeProgram(t, clientFolder, "tsc")
	packages, err := filepath.Abs(filepath.Join(recipesFolder, "node_modules"))
	require.NoError(t, err)
	text, err := os.ReadFile("../../../../docs/frameworks.md")
	require.NoError(t, err)
	folder := t.TempDir()
	for _, name := range []string{"package.json", "tsconfig.json", "vite.config.js", "react.html", "vue.html", "react", "vue"} {
		copyTo(t, filepath.Join(recipesFolder, name), filepath.Join(folder, name))
	}
	require.NoError(t, os.Symlink(packages, filepath.Join(folder, "node_modules")))
	for _, recipe := range []struct{ section, files string }{
		{"React", "tsx react/Quote.tsx"}, {"Vue", "ts vue/useStream.ts vue vue/Quote.vue"},
	} {
		_, section, found := strings.Cut(string(text), "\n## "+recipe.section+"\n")
		require.True(t, found)
		section, _, _ = strings.Cut(section, "\n## ")
		lines, words := 0, strings.Fields(recipe.files)
		for i := 0; i < len(words); i += 2 {
			block := regexp.MustCompile("(?ms)^```" + words[i] + "\n(.*?)^```$").FindStringSubmatch(section)
			require.NotNil(t, block, "%s has a block of %s", recipe.section, words[i])
			lines += strings.Count(block[1], "\n")
			require.NoError(t, os.WriteFile(filepath.Join(folder, words[i+1]), []byte(block[1]), 0o600))
		}
		assert.LessOrEqual(t, lines, longestRecipe, "lines of the recipe for %s", recipe.section)
	}
	silently(t, folder, vite, "build", "--mode", "development", "--configLoader", "native", "--logLevel", "warn")
	silently(t, folder, tsc, "-p", ".")
	return filepath.Join(folder, "dist")
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, below), 0o700)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, below), text, 0o600)
	}))
}

// The recipes of docs/frameworks.md show a stream while their component is there, and close it with the component.
func TestTheRecipesForFrameworks(t *testing.T) {
	runsOnce(t)
	built := http.FileServer(http.Dir(buildRecipes(t)))
	for _, framework := range []string{"react", "vue"} {
		t.Run(framework, func(t *testing.T) {
			m := &exchange{open: map[string]int{}, ever: map[string]int{}}
			b, err := bridge.New(t.Context(), config.New(), bridge.WithRoute(config.NewRoute("/quotes/{symbol}"), bridge.Func(m.quotes)))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, b.Close()) })
			mux := http.NewServeMux()
			mux.Handle("/", built)
			mux.Handle("/quotes/", b)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			tab, closeTab := openTab(t, startBrowser(t), server.URL+"/"+framework+".html")
			t.Cleanup(closeTab)
			p := &browserPage{evaluate: func(t *testing.T, expression string) json.RawMessage {
				t.Helper()
				return evaluate[json.RawMessage](t, tab, expression)
			}}
			follow(t, p, m)
			if framework == "react" {
				assert.Equal(t, []string{"mount", "mount"}, worth[[]string](t, p, "mounts"), "StrictMode mounts twice")
			}
		})
	}
}

// follow shows one symbol after another, and then none.
func follow(t *testing.T, p *browserPage, m *exchange) {
	t.Helper()
	show := func(symbol string) {
		require.True(t, worth[bool](t, p, `(() => { show("`+symbol+`"); return true; })()`))
	}
	streams := func(symbol string, want map[string]int) {
		t.Helper()
		require.Eventually(t, func() bool {
			open, _ := m.seen("")
			return assert.ObjectsAreEqual(want, open)
		}, patience, beat, "the streams that are open")
		_, ever := m.seen(symbol)
		require.LessOrEqual(t, ever, 1, "a component opens one stream")
	}
	// What the page shows of each symbol, in order.
	require.True(t, worth[bool](t, p, `(() => {
		window.shown = {};
		new MutationObserver(() => {
			const [symbol, price] = (document.querySelector("main p")?.textContent ?? ": ").split(": ");
			(shown[symbol] ??= []).push(price);
		}).observe(document.querySelector("main"), {subtree: true, childList: true, characterData: true});
		return true;
	})()`))
	for _, symbol := range []string{"A/B", "MSFT"} {
		show(symbol)
		p.until(t, `document.querySelector("main p")?.dataset.state === "live" && shown["`+symbol+`"]?.length > 10`)
		streams(symbol, map[string]int{symbol: 1})
		shown := worth[[]string](t, p, `shown["`+symbol+`"]`)
		assert.Equal(t, "…", shown[0], "a new stream begins without what another one has shown")
		assert.Less(t, len(shown[1]), 4, "the first price is one of the first")
	}
	show("")
	p.until(t, `!document.querySelector("main p")`)
	streams("MSFT", map[string]int{})
}
