package bridge_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/grpcsse/grpcsse/"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

// The rooms of the house and who may enter which. A name ending in "/..." means everything below it as well; "std" is the
// standard library. What is not listed may be imported by nobody here.
func allowedImports() map[string][]string {
	const grpc, protobuf = "google.golang.org/grpc/...", "google.golang.org/protobuf/..."
	return map[string][]string{
		"bridge": {
			"std", grpc, protobuf, "bridge/config", "bridge/internal/catalog", "bridge/internal/ending", "bridge/internal/fanout",
			"bridge/internal/pump", "bridge/internal/serve", "bridge/internal/source", "bridge/internal/stream",
		},
		"bridge/config": {
			"std", "go.yaml.in/yaml/v4/...", "bridge/internal/pathtmpl", "bridge/internal/spelling", "bridge/internal/target",
		},
		"bridge/sse":                        {"std"},
		"bridge/transcode":                  {"std", protobuf, "bridge/internal/fieldname"},
		"bridge/internal/fieldname":         {protobuf},
		"bridge/internal/ending":            {"std", "bridge/sse"},
		"bridge/internal/reading":           {"std", "bridge/internal/ending", "bridge/internal/backoff", "bridge/internal/pump"},
		"bridge/internal/replay":            {"std", "bridge/internal/frame"},
		"bridge/internal/replay/replaytest": {"std", "bridge/internal/replay", "bridge/sse", "github.com/stretchr/testify/...", "pgregory.net/rapid"},
		"bridge/internal/frame":             {"std", "github.com/klauspost/compress/..."},
		"bridge/internal/pathtmpl":          {"std"},
		"bridge/internal/target":            {"std"},
		"bridge/internal/spelling":          {"std"},
		"bridge/internal/backoff":           {"std"},
		"bridge/internal/fanout": {
			"std", "bridge/sse", "bridge/internal/ending", "bridge/internal/replay", "bridge/internal/backoff", "bridge/internal/frame",
			"bridge/internal/pump", "bridge/internal/reading",
		},
		"bridge/internal/pump":    {"std", "bridge/sse", "bridge/internal/ending", "bridge/internal/backoff", "bridge/internal/frame", "golang.org/x/sys/unix"},
		"bridge/internal/bind":    {"std", protobuf, "bridge/internal/fieldname"},
		"bridge/internal/request": {"std", "bridge/sse", "bridge/internal/bind", "bridge/internal/ending"},
		"bridge/internal/catalog": {
			"std", protobuf, "bridge/config", "bridge/internal/pathtmpl", "bridge/internal/route", "bridge/internal/schema",
			"bridge/internal/source", "bridge/internal/target", "bridge/internal/upstream",
		},
		"bridge/internal/serve": {
			"std", "bridge/config", "bridge/sse", "bridge/internal/backoff", "bridge/internal/ending", "bridge/internal/frame",
			"bridge/internal/pathtmpl", "bridge/internal/pump", "bridge/internal/request", "bridge/internal/route",
			"bridge/internal/stream",
		},
		"bridge/internal/stream": {
			"std", grpc, protobuf, "bridge/config", "bridge/sse", "bridge/transcode", "bridge/internal/bind", "bridge/internal/ending",
			"bridge/internal/fanout", "bridge/internal/frame", "bridge/internal/pump", "bridge/internal/reading",
			"bridge/internal/replay", "bridge/internal/request", "bridge/internal/route", "bridge/internal/source",
			"bridge/internal/upstream",
		},
		"bridge/internal/route": {
			"std", grpc, protobuf, "bridge/config", "bridge/sse", "bridge/transcode", "bridge/internal/backoff", "bridge/internal/bind",
			"bridge/internal/ending", "bridge/internal/pathtmpl", "bridge/internal/pump", "bridge/internal/request",
			"bridge/internal/schema", "bridge/internal/source", "bridge/internal/spelling", "github.com/rs/cors",
		},
		"bridge/internal/upstream": {"std", grpc, "bridge/internal/target"},
		"bridge/internal/source":   {"std", grpc, protobuf, "bridge/internal/upstream"},
		"bridge/internal/schema": {
			"std", grpc, protobuf, "gen/grpcsse/v1", "google.golang.org/genproto/...",
			"github.com/bufbuild/protocompile/...",
		},
		"bridge/transcode/internal/conformance": {
			"std", protobuf, "bridge/transcode", "github.com/bufbuild/protocompile/...",
		},
		"bridge/transcode/internal/pow10gen": {
			"std",
		},
		"cmd/grpcsse": {
			"std", "bridge", "bridge/config", "bridge/sse", "cmd/grpcsse/internal/...", "github.com/alecthomas/kong",
		},
		"cmd/grpcsse/internal/app": {
			"std", "bridge", "bridge/config", "cmd/grpcsse/internal/...", "github.com/alecthomas/kong",
		},
		"cmd/grpcsse/internal/backstage": {
			"std", grpc, "gen/demo/...", "cmd/grpcsse/internal/crowd", "cmd/grpcsse/internal/demo",
		},
		"cmd/grpcsse/internal/console": {"std"},
		"cmd/grpcsse/internal/crowd":   {"std", "github.com/tmaxmax/go-sse"},
		"cmd/grpcsse/internal/demo":    {"std", grpc, protobuf, "gen/demo/...", "google.golang.org/genproto/..."},
	}
}

// httpUsers are the only packages that know net/http.
func httpUsers() []string {
	return []string{
		"bridge", "bridge/internal/pump", "bridge/internal/request", "bridge/internal/route", "bridge/internal/serve",
		"cmd/grpcsse", "cmd/grpcsse/internal/app", "cmd/grpcsse/internal/console",
		"cmd/grpcsse/internal/backstage", "cmd/grpcsse/internal/crowd",
	}
}

func TestImportsPointOneWay(t *testing.T) {
	packages := listPackages(t)
	require.Greater(t, len(packages), 10, "go list shows the module")
	allowed := allowedImports()
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "gen/") {
			continue
		}
		rules, known := allowed[name]
		if !assert.True(t, known, "%s has no rule: say here what it may import", name) {
			continue
		}
		for _, path := range p.Imports {
			assert.True(t, permits(rules, path), "%s must not import %s", name, path)
			if path == "net/http" {
				assert.Contains(t, httpUsers(), name, "%s must not know net/http", name)
			}
		}
	}
}

// permits reports whether one of the rules names the import.
func permits(rules []string, path string) bool {
	local := strings.TrimPrefix(path, module)
	return slices.ContainsFunc(rules, func(rule string) bool {
		if tree, ok := strings.CutSuffix(rule, "/..."); ok {
			return local == tree || strings.HasPrefix(local, tree+"/")
		}
		// Paths of the standard library have no dot in their first element, and are not ours.
		first, _, _ := strings.Cut(path, "/")
		return rule == local || rule == "std" && !strings.Contains(first, ".")
	})
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	// What else lies in the module's folder is somebody's own.
	rooms := []string{module + "bridge/...", module + "cmd/...", module + "gen/..."}
	var complaints strings.Builder
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, rooms...)...)
	list.Stderr = &complaints
	out, err := list.Output()
	require.NoError(t, err, "go list: %s", complaints.String())
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}
