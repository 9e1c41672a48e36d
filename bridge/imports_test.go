package bridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/grpcsse/grpcsse/"

// pkg is what `go list -json` reports about a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

// room is a package with its imports. A path that ends in "/..." includes all packages below the path. "std" is the standard
// library without net/http.
type room struct {
	path    string
	imports []string
}

const (
	grpcTree     = "google.golang.org/grpc/..."
	protobufTree = "google.golang.org/protobuf/..."
	genproto     = "google.golang.org/genproto/..."
	otelTree     = "go.opentelemetry.io/otel/..."
	testify      = "github.com/stretchr/testify/..."
)

// house is the whole graph of imports, from the top to the bottom. A room imports only rooms that come later in the list.
func house() []room {
	return slices.Concat(program(), library(), foundations())
}

// allowed returns the paths that a room may import, nil where the house does not have the room.
func allowed(path string) []string {
	for _, r := range house() {
		if r.path == path {
			return r.imports
		}
	}
	return nil
}

// program is the command, which uses the library.
func program() []room {
	return []room{
		{"cmd/grpcsse", []string{"std", "cmd/grpcsse/internal/app"}},
		{"cmd/grpcsse/internal/app", []string{
			"std", "bridge", "bridge/cluster", "bridge/config", "bridge/describe", "bridge/metrics", "cmd/grpcsse/internal/admin",
			"client", "cmd/grpcsse/internal/backstage",
			"cmd/grpcsse/internal/console", "cmd/grpcsse/internal/demo", "cmd/grpcsse/internal/demopage",
			"cmd/grpcsse/internal/draft", "cmd/grpcsse/internal/front",
			"cmd/grpcsse/internal/health", "cmd/grpcsse/internal/memory", "cmd/grpcsse/internal/printable", "cmd/grpcsse/internal/probe",
			"cmd/grpcsse/internal/processors", "cmd/grpcsse/internal/sidedoor",
			"cmd/grpcsse/internal/sseclient",
			"cmd/grpcsse/internal/tail", "cmd/grpcsse/internal/telemetry", "cmd/grpcsse/internal/watch",
			"cmd/grpcsse/internal/contract", "cmd/grpcsse/internal/openapi", "cmd/grpcsse/internal/typescript",
			"github.com/alecthomas/kong",
		}},
		{"client", []string{"std", "net/http"}},
		{"cmd/grpcsse/internal/telemetry", []string{"std", otelTree}},
		{"cmd/grpcsse/internal/admin", []string{"std", "net/http", "bridge", "bridge/cluster", "bridge/config"}},
		{"cmd/grpcsse/internal/backstage", []string{
			"std", "net/http", grpcTree, "cmd/grpcsse/internal/crowd", "cmd/grpcsse/internal/demo", "gen/demo/crowd/v1",
			"gen/demo/market/v1", "internal/door",
		}},
		{"cmd/grpcsse/internal/front", []string{
			"std", "net/http", "bridge", "bridge/config", "github.com/coreos/go-systemd/v22/activation",
			"github.com/pires/go-proxyproto", "golang.org/x/sys/unix",
		}},
		{"cmd/grpcsse/internal/memory", []string{"std", "github.com/KimMachineGun/automemlimit/memlimit"}},
		{"cmd/grpcsse/internal/processors", []string{"std", "golang.org/x/sys/unix"}},
		{"cmd/grpcsse/internal/draft", []string{
			"std", protobufTree, genproto, "bridge", "bridge/config", "bridge/describe", "gen/grpcsse/v1",
		}},
		{"cmd/grpcsse/internal/health", []string{"std", "net/http", "bridge"}},
		{"cmd/grpcsse/internal/sidedoor", []string{"std", "net/http"}},
		{"cmd/grpcsse/internal/watch", []string{"std", "github.com/fsnotify/fsnotify"}},
		{"cmd/grpcsse/internal/console", []string{
			"std", "net/http", "bridge", "bridge/config", "bridge/describe", "cmd/grpcsse/internal/contract", "go.yaml.in/yaml/v4",
		}},
		{"cmd/grpcsse/internal/openapi", []string{
			"std", "net/http", protobufTree, "bridge", "bridge/config", "bridge/describe", "cmd/grpcsse/internal/contract",
		}},
		{"cmd/grpcsse/internal/typescript", []string{"std", protobufTree, "bridge/describe", "cmd/grpcsse/internal/contract"}},
		{"cmd/grpcsse/internal/contract", []string{
			"std", protobufTree, "bridge", "bridge/config", "bridge/describe", "bridge/sse", "bridge/transcode",
		}},
		{"cmd/grpcsse/internal/demopage", []string{"std", "net/http"}},
		{"cmd/grpcsse/internal/probe", []string{
			"std", "net/http", "cmd/grpcsse/internal/printable", "cmd/grpcsse/internal/sseclient", "golang.org/x/term",
		}},
		{"cmd/grpcsse/internal/tail", []string{
			"std", "net/http", "cmd/grpcsse/internal/printable", "cmd/grpcsse/internal/sseclient", "golang.org/x/term",
		}},
		{"cmd/grpcsse/internal/sseclient", []string{
			"std", "net/http", "cmd/grpcsse/internal/printable", "golang.org/x/net/http/httpguts",
		}},
		{"cmd/grpcsse/internal/printable", []string{"std"}},
		{"cmd/grpcsse/internal/crowd", []string{"std", "net/http", "github.com/tmaxmax/go-sse"}},
		{"cmd/grpcsse/internal/demo", []string{
			"std", grpcTree, protobufTree, genproto, "gen/demo/activity/v1", "gen/demo/counter/v1", "gen/demo/fault/v1",
			"gen/demo/job/v1", "gen/demo/market/v1", "gen/demo/notify/v1",
		}},
	}
}

// library is the bridge, with the rooms that a request passes.
func library() []room {
	return []room{
		{"bridge/cluster", []string{
			"std", "bridge/cluster/internal/natsbus", "bridge/config", "bridge/internal/cluster", "bridge/internal/fanout",
			"bridge/internal/secret", "bridge/internal/wire",
		}},
		{"bridge/cluster/internal/natsbus", []string{
			"std", "bridge/config", "bridge/internal/cluster", "bridge/internal/localfile", "bridge/internal/secret",
			"github.com/nats-io/nats.go/...",
		}},
		{"bridge/bridgetest", []string{"std", "net/http", grpcTree, protobufTree, "bridge", "bridge/config", "internal/door"}},
		{"bridge/metrics", []string{
			"std", "net/http", "bridge", "bridge/internal/cluster", "bridge/internal/ending", "github.com/prometheus/client_golang/...",
		}},
		{"bridge", []string{
			"std", "net/http", grpcTree, protobufTree, "bridge/config", "bridge/internal/access", "bridge/internal/auth",
			"bridge/internal/bind", "bridge/internal/catalog", "bridge/internal/ending", "bridge/internal/fanout",
			"bridge/internal/pump", "bridge/internal/route", "bridge/internal/safelog", "bridge/internal/serve",
			"bridge/internal/source", "bridge/internal/stream", "bridge/internal/tracing",
			"bridge/internal/upstream", otelTree,
		}},
		{"bridge/internal/catalog", []string{
			"std", protobufTree, "bridge/config", "bridge/internal/pathtmpl", "bridge/internal/route",
			"bridge/internal/schema", "bridge/internal/source", "bridge/internal/target", "bridge/internal/upstream",
		}},
		{"bridge/internal/serve", []string{
			"std", "net/http", "bridge/config", "bridge/sse", "bridge/internal/access", "bridge/internal/auth", "bridge/internal/backoff",
			"bridge/internal/bind", "bridge/internal/ending", "bridge/internal/frame", "bridge/internal/limit",
			"bridge/internal/pathtmpl", "bridge/internal/pump", "bridge/internal/request", "bridge/internal/route",
			"bridge/internal/stack", "bridge/internal/stream", "bridge/internal/tracing", "bridge/internal/uring",
		}},
		{"bridge/internal/auth", []string{
			"std", "net/http", "bridge/config", "bridge/internal/backoff", "bridge/internal/ending", "bridge/internal/localfile",
			"bridge/internal/request",
			"github.com/go-jose/go-jose/v4/...",
		}},
		{"bridge/internal/stream", []string{
			"std", grpcTree, protobufTree, "bridge/config", "bridge/sse", "bridge/transcode", "bridge/internal/bind",
			"bridge/internal/ending", "bridge/internal/fanout", "bridge/internal/frame", "bridge/internal/pump",
			"bridge/internal/reading", "bridge/internal/replay", "bridge/internal/request", "bridge/internal/route",
			"bridge/internal/source", "bridge/internal/stack", "bridge/internal/tracing", "bridge/internal/upstream",
		}},
		{"bridge/internal/route", []string{
			"std", "net/http", grpcTree, protobufTree, "bridge/config", "bridge/sse", "bridge/transcode",
			"bridge/internal/backoff", "bridge/internal/bind", "bridge/internal/ending", "bridge/internal/pathtmpl",
			"bridge/internal/pump", "bridge/internal/request", "bridge/internal/schema", "bridge/internal/source",
			"bridge/internal/spelling", "bridge/internal/tracing", "github.com/rs/cors",
		}},
		{"bridge/internal/request", []string{
			"std", "net/http", "bridge/sse", "bridge/internal/bind", "bridge/internal/ending", "bridge/internal/tracing",
		}},
		{"bridge/internal/source", []string{"std", grpcTree, protobufTree, "bridge/internal/upstream"}},
		{"bridge/internal/schema", []string{
			"std", grpcTree, protobufTree, genproto, "bridge/internal/localfile", "gen/grpcsse/v1",
			"github.com/bufbuild/protocompile/...",
		}},
		{"bridge/internal/upstream", []string{
			"std", grpcTree, "bridge/internal/localfile", "bridge/internal/rawio", "bridge/internal/secret", "bridge/internal/target",
		}},
		{"bridge/internal/cluster/membus", []string{"std", "bridge/internal/cluster"}},
		{"bridge/internal/cluster/clustertest", []string{
			"std", "bridge/internal/cluster", "bridge/internal/fanout", "bridge/internal/replay", testify,
		}},
		{"bridge/internal/cluster", []string{"std", "bridge/internal/fanout", "bridge/internal/wire"}},
		{"bridge/internal/wire", []string{
			"std", "bridge/sse", "bridge/internal/ending", "bridge/internal/fanout", "bridge/internal/pump", "bridge/internal/reading",
			"bridge/internal/replay",
		}},
		{"bridge/internal/fanout", []string{
			"std", "bridge/sse", "bridge/internal/backoff", "bridge/internal/ending", "bridge/internal/frame",
			"bridge/internal/pump", "bridge/internal/reading", "bridge/internal/replay",
		}},
		{"bridge/internal/reading", []string{
			"std", "bridge/internal/backoff", "bridge/internal/ending", "bridge/internal/pump",
		}},
		{"bridge/internal/pump", []string{
			"std", "net/http", "bridge/sse", "bridge/internal/backoff", "bridge/internal/ending", "bridge/internal/frame",
			"bridge/internal/rawio", "bridge/internal/uring", "golang.org/x/sys/unix",
		}},
	}
}

// foundations are rooms that import little or nothing of the library.
func foundations() []room {
	return []room{
		{"bridge/config", []string{
			"std", "bridge/internal/localfile", "bridge/internal/pathtmpl", "bridge/internal/secret", "bridge/internal/spelling",
			"bridge/internal/target",
			"go.yaml.in/yaml/v4/...",
		}},
		{"bridge/internal/access", []string{"std", "bridge/internal/ending"}},
		{"bridge/internal/safelog", []string{"std"}},
		{"bridge/internal/tracing", []string{"std", "bridge/internal/ending", otelTree}},
		{"bridge/internal/ending", []string{"std", "bridge/sse"}},
		{"bridge/internal/replay/replaytest", []string{
			"std", "bridge/sse", "bridge/internal/replay", testify, "pgregory.net/rapid",
		}},
		{"bridge/internal/replay", []string{"std", "bridge/internal/frame"}},
		{"bridge/internal/frame", []string{"std", "github.com/klauspost/compress/..."}},
		{"bridge/internal/bind", []string{"std", protobufTree, "bridge/internal/fieldname"}},
		{"bridge/transcode/internal/conformance", []string{
			"std", protobufTree, "bridge/transcode", "github.com/bufbuild/protocompile/...",
		}},
		{"bridge/transcode", []string{"std", protobufTree, "bridge/internal/fieldname"}},
		{"bridge/transcode/internal/pow10gen", []string{"std"}},
		{"bridge/describe", []string{"std", protobufTree}},
		{"bridge/internal/fieldname", []string{protobufTree}},
		{"bridge/internal/backoff", []string{"std"}},
		{"bridge/internal/limit", []string{"std", "golang.org/x/time/rate"}},
		{"bridge/internal/pathtmpl", []string{"std"}},
		{"bridge/internal/secret", []string{"std", "bridge/internal/localfile"}},
		{"bridge/internal/localfile", []string{"std"}},
		{"bridge/internal/spelling", []string{"std"}},
		{"bridge/internal/rawio", []string{"std", "golang.org/x/sys/unix"}},
		{"bridge/internal/stack", nil},
		{"bridge/internal/uring", []string{"std", "golang.org/x/sys/unix"}},
		{"bridge/internal/target", []string{"std"}},
		{"bridge/sse", []string{"std"}},
	}
}

// knowers are all rooms that know a protocol, in the order of the house. The other rooms must not know the protocol. For
// example, fan-out, the pump, endings and the reading of streams handle bytes only, so that their tests need no server.
func knowers() map[string][]string {
	return map[string][]string{
		grpcTree: {
			"cmd/grpcsse/internal/backstage", "cmd/grpcsse/internal/demo", "bridge/bridgetest", "bridge",
			"bridge/internal/stream", "bridge/internal/route", "bridge/internal/source", "bridge/internal/schema", "bridge/internal/upstream",
		},
		"net/http": {
			"client", "cmd/grpcsse/internal/admin", "cmd/grpcsse/internal/backstage", "cmd/grpcsse/internal/front",
			"cmd/grpcsse/internal/health", "cmd/grpcsse/internal/sidedoor", "cmd/grpcsse/internal/console", "cmd/grpcsse/internal/openapi",
			"cmd/grpcsse/internal/demopage", "cmd/grpcsse/internal/probe", "cmd/grpcsse/internal/tail", "cmd/grpcsse/internal/sseclient",
			"cmd/grpcsse/internal/crowd", "bridge/bridgetest", "bridge/metrics", "bridge", "bridge/internal/serve",
			"bridge/internal/auth",
			"bridge/internal/route",
			"bridge/internal/request", "bridge/internal/pump",
		},
		protobufTree: {
			"cmd/grpcsse/internal/draft", "cmd/grpcsse/internal/openapi", "cmd/grpcsse/internal/typescript", "cmd/grpcsse/internal/contract", "cmd/grpcsse/internal/demo", "bridge/bridgetest", "bridge",
			"bridge/internal/catalog", "bridge/internal/stream",
			"bridge/internal/route", "bridge/internal/source", "bridge/internal/schema", "bridge/internal/bind",
			"bridge/transcode/internal/conformance", "bridge/transcode", "bridge/describe",
			"bridge/internal/fieldname",
		},
		otelTree: {"cmd/grpcsse/internal/telemetry", "bridge", "bridge/internal/tracing"},
		"gen/...": {
			"cmd/grpcsse/internal/backstage", "cmd/grpcsse/internal/draft", "cmd/grpcsse/internal/demo", "bridge/internal/schema",
		},
	}
}

func TestTheGraphOfImports(t *testing.T) {
	found := map[string][]string{}
	for _, p := range listPackages(t) {
		if name := strings.TrimPrefix(p.ImportPath, module); !strings.HasPrefix(name, "gen/") {
			found[name] = p.Imports
		}
	}
	require.Greater(t, len(found), 10, "go list returns the packages of the module")
	for _, problem := range problems(house(), found) {
		t.Error(problem)
	}
}

// problems compares the house with the imports of each package.
func problems(house []room, found map[string][]string) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	place := map[string]int{}
	for i, r := range house {
		place[r.path] = i
	}
	for name, imports := range found {
		at, known := place[name]
		if !known {
			report("%s has no rule: say in house what it imports", name)
			continue
		}
		for _, path := range imports {
			allows := func(rule string) bool { return permits(rule, path) }
			if !slices.ContainsFunc(house[at].imports, allows) {
				report("%s must not import %s", name, path)
			}
		}
	}
	for at, r := range house {
		for _, rule := range r.imports {
			if !slices.ContainsFunc(found[r.path], func(path string) bool { return permits(rule, path) }) {
				report("%s does not import %s any more: take it from house", r.path, rule)
			}
			if below, ours := place[rule]; ours && below <= at {
				report("%s imports %s, which stands above it", r.path, rule)
			}
		}
		if _, is := found[r.path]; !is {
			report("%s is no package any more: take it from house", r.path)
		}
	}
	return problems
}

func TestWhichRoomsKnowAProtocol(t *testing.T) {
	packages := listPackages(t)
	for protocol, want := range knowers() {
		var knows []string
		for _, r := range house() {
			i := slices.IndexFunc(packages, func(p pkg) bool { return p.ImportPath == module+r.path })
			require.GreaterOrEqual(t, i, 0, r.path)
			if slices.ContainsFunc(packages[i].Imports, func(path string) bool { return permits(protocol, path) }) {
				knows = append(knows, r.path)
			}
		}
		assert.Equal(t, want, knows, "rooms that know %s", protocol)
	}
}

func TestProblemsFindsEachDifferenceFromTheHouse(t *testing.T) {
	house := []room{{"top", []string{"std", "low", "example.org/tree/..."}}, {"low", []string{"net/http"}}}
	asItIs := map[string][]string{"top": {"fmt", module + "low", "example.org/tree/leaf"}, "low": {"net/http"}}
	assert.Empty(t, problems(house, asItIs))
	for name, tt := range map[string]struct {
		change func(house []room, found map[string][]string)
		want   string
	}{
		"an import without a rule": {
			func(_ []room, found map[string][]string) { found["low"] = append(found["low"], "example.org/new") },
			"low must not import example.org/new",
		},
		"the standard library without a rule": {
			func(_ []room, found map[string][]string) { found["low"] = append(found["low"], "fmt") }, "low must not import fmt",
		},
		"net/http is not std": {
			func(_ []room, found map[string][]string) { found["top"] = append(found["top"], "net/http") },
			"top must not import net/http",
		},
		"a package without a rule": {
			func(_ []room, found map[string][]string) { found["new"] = []string{"fmt"} },
			"new has no rule: say in house what it imports",
		},
		"a rule without an import": {
			func(_ []room, found map[string][]string) { found["top"] = found["top"][:2] },
			"top does not import example.org/tree/... any more: take it from house",
		},
		"a way up": {
			func(house []room, _ map[string][]string) { slices.Reverse(house) }, "top imports low, which stands above it",
		},
		"a room that does not exist any more": {
			func(_ []room, found map[string][]string) { delete(found, "low") },
			"low is no package any more: take it from house",
		},
	} {
		t.Run(name, func(t *testing.T) {
			house, found := slices.Clone(house), maps.Clone(asItIs)
			tt.change(house, found)
			assert.Contains(t, problems(house, found), tt.want)
		})
	}
}

// permits reports whether a rule allows an import.
func permits(rule, path string) bool {
	local := strings.TrimPrefix(path, module)
	if tree, ok := strings.CutSuffix(rule, "/..."); ok {
		return local == tree || strings.HasPrefix(local, tree+"/")
	}
	// The path of a package of the standard library has no dot in its first element, and does not begin with that of the module.
	first, _, _ := strings.Cut(path, "/")
	return rule == local || rule == "std" && path != "net/http" && !strings.Contains(first, ".")
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	// Other folders in the folder of the module are not part of the module.
	rooms := []string{module + "bridge/...", module + "client", module + "cmd/...", module + "gen/..."}
	var complaints strings.Builder
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, rooms...)...)
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64") // some files are for this system only
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
