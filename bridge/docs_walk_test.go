package bridge_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/bridge/config"
)

const gettingStarted = "docs/getting-started.md"

// blocksOf returns the code blocks of a page in one language.
func blocksOf(t *testing.T, page, language string) (blocks []string) {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, match := range fence.FindAllStringSubmatch(readPage(t, page), -1) {
		blocks = append(blocks, match[1])
	}
	require.NotEmpty(t, blocks, "%s has blocks of %s", page, language)
	return blocks
}

// A newcomer who follows the page sees events: with its service, its file, and the paths that it tells people to open.
func TestGettingStartedLeadsToEvents(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ticker.proto"), []byte(blocksOf(t, gettingStarted, "proto")[0]), 0o600))
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{dir}}}
	files, err := compiler.Compile(t.Context(), "ticker.proto")
	require.NoError(t, err)

	listed, err := config.Parse("grpcsse.yaml", []byte(blocksOf(t, gettingStarted, "yaml")[0]))
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		cfg  *config.Config
		path *regexp.Regexp
	}{
		"without a file": {config.ForUpstream("127.0.0.1:50051"), regexp.MustCompile(`curl -N 'http://127\.0\.0\.1:8080(/[^']+)'`)},
		"with the file":  {listed, regexp.MustCompile("opens `http://127\\.0\\.0\\.1:8080(/[^`]+)`")},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "127.0.0.1:50051", tt.cfg.Upstreams[0].Target, "the address at which the servers of the page listen")
			path := tt.path.FindStringSubmatch(readPage(t, gettingStarted))
			require.NotNil(t, path, "the page says which path to open")
			up := bridgetest.NewUpstream(t, bridgetest.Scripted(files[0]))
			up.Replace(tt.cfg, tt.cfg.Upstreams[0].Name)
			_, url := bridgetest.NewBridge(t, tt.cfg)
			page := bridgetest.Open(t, url+path[1], "Origin", "http://localhost:3000", "Sec-Fetch-Site", "cross-site")
			if name == "without a file" { // the page then says --cors
				assert.Equal(t, 403, page.Status())
				page = bridgetest.Open(t, url+path[1])
			}
			call := up.NextCall("Watch")
			call.ExpectRequest(`{"name": "demo"}`)
			call.SendJSON(`{"name": "demo", "number": 1}`)
			page.ExpectEvent("", `{"name": "demo", "number": 1}`)
		})
	}
}
