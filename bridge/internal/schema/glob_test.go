package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree makes files that declare one message each, and returns where.
func tree(t *testing.T, files ...string) string {
	dir := t.TempDir()
	for i, name := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
		source := fmt.Sprintf(`syntax="proto3"; package p%d; message M {} service S { rpc R(M) returns (stream M); }`, i)
		require.NoError(t, os.WriteFile(at, []byte(source), 0o600))
	}
	return dir
}

func TestPatternsOfFiles(t *testing.T) {
	dir := tree(t, "z.proto", "a.proto", "market/v1/market.proto", "market/v2/market.proto", "market/v1/README.md",
		"shop/v1/shop.proto", ".hidden/h.proto", "shop/.h.proto", "vendor/lib/lib.proto", "odd[1].proto")
	for pattern, want := range map[string]string{
		"*.proto":                    "a.proto odd[1].proto z.proto",
		"./*.proto":                  "a.proto odd[1].proto z.proto",
		"**/*.proto":                 "a.proto market/v1/market.proto market/v2/market.proto odd[1].proto shop/v1/shop.proto vendor/lib/lib.proto z.proto",
		"**":                         "a.proto market/v1/market.proto market/v2/market.proto odd[1].proto shop/v1/shop.proto vendor/lib/lib.proto z.proto",
		"market/**":                  "market/v1/market.proto market/v2/market.proto",
		"market/v1/*":                "market/v1/market.proto",
		"**/v1/**/*.proto":           "market/v1/market.proto shop/v1/shop.proto",
		"**/**/v2/*.proto":           "market/v2/market.proto",
		"*/v[12]/*.proto":            "market/v1/market.proto market/v2/market.proto shop/v1/shop.proto",
		"?.proto":                    "a.proto z.proto",
		".hidden/*.proto":            ".hidden/h.proto",
		"**/.*.proto":                "shop/.h.proto",
		"z.proto *.proto":            "z.proto a.proto odd[1].proto",
		"odd[1].proto":               "odd[1].proto",
		"market/**/*.proto **/v1/**": "market/v1/market.proto market/v2/market.proto shop/v1/shop.proto",
	} {
		t.Run(pattern, func(t *testing.T) {
			files, err := expand(t.Context(), strings.Fields(pattern), []string{dir})
			require.NoError(t, err)
			assert.Equal(t, want, strings.Join(files, " "))
		})
	}
	s, err := FromProto(t.Context(), []string{"**/*.proto"}, []string{dir})
	require.NoError(t, err)
	assert.Len(t, s.Streaming(), 7)
}

// What lies in two import paths, one inside the other or one a link to the other, is one file.
func TestAFileOfSeveralImportPathsIsOne(t *testing.T) {
	dir := tree(t, "proto/a.proto", "proto/b/b.proto")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "proto"), link))
	files, err := expand(t.Context(), []string{"**/*.proto"}, []string{filepath.Join(dir, "proto"), dir, link})
	require.NoError(t, err)
	assert.Equal(t, []string{"a.proto", "b/b.proto"}, files)
	_, err = FromProto(t.Context(), []string{"a.proto", "**/*.proto"}, []string{filepath.Join(dir, "proto"), dir, link})
	require.NoError(t, err)
}

func TestPatternsFollowNoCircle(t *testing.T) {
	dir := tree(t, "a/a.proto", "elsewhere/b.proto")
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "a", "up")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere", "b.proto"), filepath.Join(dir, "a", "linked.proto")))
	require.NoError(t, os.Symlink("nowhere.proto", filepath.Join(dir, "a", "dangling.proto")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a", "directory.proto"), 0o700))
	files, err := expand(t.Context(), []string{"a/**/*.proto"}, []string{dir})
	require.NoError(t, err)
	assert.Equal(t, []string{"a/a.proto", "a/linked.proto"}, files, "a link to a file counts")
}

func TestPatternsThatGiveNothing(t *testing.T) {
	dir := tree(t, "a/a.proto", "a/b.txt")
	missing := filepath.Join(dir, "missing")
	for pattern, want := range map[string][]string{
		"b/*.proto":   {"finds no file", ".proto below " + dir + ", " + missing + " (which does not exist)", "1 files and directories were looked at"},
		"**/*.txt":    {"finds no file"},
		"a/../*":      {"finds no file"},
		"../*.proto":  {"leaves the import paths", "import_paths"},
		"/a/*.proto":  {"leaves the import paths"},
		"**.proto":    {"`**` beside other characters", "`**/*.proto`"},
		"a/[a.proto*": {"is malformed"},
	} {
		t.Run(pattern, func(t *testing.T) {
			_, err := FromProto(t.Context(), []string{"a/a.proto", pattern}, []string{dir, missing})
			var bad *PatternError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, 1, bad.Index)
			for _, text := range append(want, "the pattern", fmt.Sprintf("%q", pattern)) {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

// A pattern does not look where it cannot find anything.
func TestPatternsLookOnlyWhereTheyLead(t *testing.T) {
	dir := tree(t, "api/a.proto", "node_modules/x/y/z.proto", "node_modules/x/y/w.proto", ".git/objects/o.proto")
	for pattern, entries := range map[string]int{"api/*.proto": 4, "**/*.proto": 8} {
		parts, reason := newGlob(pattern)
		require.Empty(t, reason)
		g := &globbing{ctx: t.Context()}
		require.NoError(t, g.walk(dir, parts))
		assert.Equal(t, entries, g.entries, pattern)
	}
	g := &globbing{ctx: t.Context(), entries: maxGlobEntries, importPaths: []string{dir}}
	_, reason := g.find("**/*.proto")
	assert.Contains(t, reason, "more than 200000 files and directories")
	g = &globbing{ctx: t.Context(), found: make([]string, maxGlobFiles), importPaths: []string{dir}}
	_, reason = g.find("**/*.proto")
	assert.Contains(t, reason, "more than 10000 files")
}
