package config_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestEveryProblemHasAPosition(t *testing.T) {
	t.Chdir(filepath.Join("testdata", "problems"))
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		for _, p := range problemsOf(t, file) {
			assert.NotEmpty(t, p.File, p)
			assert.Positive(t, p.Line, p)
			assert.Positive(t, p.Column, p)
			assert.NotEmpty(t, p.Message, p)
			assert.NotContains(t, p.Message+p.Hint, "\n", p)
		}
	}
}

func TestProblemsAreErrors(t *testing.T) {
	_, err := config.Parse("a.yaml", []byte("upstreams: {}\nserver: {listen: x}\nroutes: [{path: /a, rpc: b.C/D, event: {name: {const: open}}}]\n"))
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 3)
	assert.Equal(t, strings.Join([]string{
		"a.yaml:1:1: upstreams: no upstream: expected at least one gRPC server under `upstreams`",
		`a.yaml:2:18: server.listen: expected an address to listen on such as :8080 or 127.0.0.1:8080, found "x"`,
		`a.yaml:3:55: warning: routes[0].event.name.const: the event name "open" is reserved: it will be sent with a trailing underscore`,
	}, "\n"), err.Error())

	var first *config.Problem
	require.ErrorAs(t, err, &first)
	assert.Same(t, problems[0], first)
	assert.False(t, problems[1].Warning)
	assert.True(t, problems[2].Warning, "the errors contain the warnings, too")
}

func TestWarningsAloneAreNoError(t *testing.T) {
	cfg, err := config.Parse("a.yaml", []byte("include: [absent.yaml]\nupstreams: {a: {target: b}}\nroutes: [{path: /a, rpc: b.C/D}]\n"))
	require.NoError(t, err)
	require.Len(t, cfg.Warnings, 1)
	assert.Equal(t, `a.yaml:1:11: warning: include[0]: no file matches "absent.yaml": nothing is included`, cfg.Warnings[0].Error())
}

func TestProblemsSort(t *testing.T) {
	at := func(file string, line, column int, path string) *config.Problem {
		return &config.Problem{File: file, Line: line, Column: column, Path: path}
	}
	want := config.Problems{at("a", 1, 2, ""), at("a", 2, 1, "b"), at("a", 2, 1, "c"), at("a", 10, 1, ""), at("b", 1, 1, "")}
	got := config.Problems{want[4], want[2], want[3], want[1], want[0]}
	got.Sort()
	assert.Equal(t, want, got)
}

const located = `upstreams:
  market:
    target: "localhost:50051"
defaults:
  event: {id: sequence}
routes:
  - path: /quotes/{symbol}
    rpc: demo.market.v1.MarketService/WatchQuotes
    request:
      query: [limit, page]
      set:
        filter.venue: XNAS
        kinds: [a, b]
    event: {name: kind}
`

func TestRouteProblemFindsItsPlace(t *testing.T) {
	cfg, err := config.Parse("a.yaml", []byte(located))
	require.NoError(t, err)
	tests := map[string]string{
		"rpc":                      "a.yaml:8:10: routes[0].rpc: x",
		"path":                     "a.yaml:7:11: routes[0].path: x",
		"request.query":            "a.yaml:10:14: routes[0].request.query: x",
		"request.query[1]":         "a.yaml:10:22: routes[0].request.query[1]: x",
		"request.set.filter.venue": "a.yaml:12:23: routes[0].request.set.filter.venue: x",
		"request.set.kinds[1]":     "a.yaml:13:20: routes[0].request.set.kinds[1]: x",
		"event.name":               "a.yaml:14:19: routes[0].event.name: x",
		"event.id":                 "a.yaml:5:15: routes[0].event.id: x", // the position is in defaults, and the name is that of the route

		// A key that the file does not have gets the position of the section around it.
		"request.query[7]":  "a.yaml:10:7: routes[0].request.query[7]: x",
		"request.query[":    "a.yaml:10:7: routes[0].request.query[: x",
		"request.set.other": "a.yaml:11:7: routes[0].request.set.other: x",
		"event.data":        "a.yaml:14:5: routes[0].event.data: x",
		"upstream":          "a.yaml:7:5: routes[0].upstream: x",
		"rpc.method":        "a.yaml:8:5: routes[0].rpc.method: x",
		"":                  "a.yaml:7:5: routes[0]: x",
	}
	for key, want := range tests {
		assert.Equal(t, want, cfg.Routes[0].Problem(key, "x", "").Error(), key)
	}
	assert.Equal(t, "a.yaml:3:13: upstreams.market.target: y", cfg.Upstreams[0].Problem("target", "y", "").Error())
	assert.Equal(t, "a.yaml:2:3: upstreams.market.tls.ca_file: y", cfg.Upstreams[0].Problem("tls.ca_file", "y", "").Error())
	assert.Equal(t, "a.yaml:5:15: defaults.event.id: z", cfg.Defaults.Problem("event.id", "z", "").Error())
}

func TestProblemsWithoutAFile(t *testing.T) {
	cfg := config.ForUpstream("localhost:50051")
	p := cfg.Defaults.Problem("event.id", "x", "y")
	assert.Equal(t, "defaults.event.id: x", p.Error())
	assert.Zero(t, p.Line)
	assert.Equal(t, `upstreams."localhost:50051".target: x`, cfg.Upstreams[0].Problem("target", "x", "").Error())
	assert.Equal(t, "rpc: x", new(config.Route).Problem("rpc", "x", "").Error())

	var b bytes.Buffer
	p.Render(&b)
	assert.Equal(t, "defaults.event.id: x\nhint: y\n", b.String())
}

func TestRenderOfLongLinesAndTabs(t *testing.T) {
	file := "upstreams: {a: {target: b}}\nroutes: [{path: /a,\trpc: b.C/D, name: " + strings.Repeat("x", 300) + ", heartbeat: y, upstream: a, max_age: " +
		strings.Repeat("z", 300) + "}]\n"
	_, err := config.Parse("a.yaml", []byte(file))
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 2)
	var b bytes.Buffer
	problems[0].Render(&b)
	lines := strings.Split(b.String(), "\n")
	caret := strings.Index(lines[2], "^")
	// The ellipses take three bytes and one column.
	assert.Equal(t, "y, upstream", string([]rune(lines[1])[caret:])[:len("y, upstream")])
	assert.Less(t, len([]rune(lines[1])), 140)

	_, err = config.Parse("a.yaml", []byte("upstreams: {a: {target: b}}\nroutes: [{path: /a,\trpc: b}]\n"))
	require.ErrorAs(t, err, &problems)
	b.Reset()
	problems.Render(&b)
	assert.Contains(t, b.String(), "\n  2 | routes: [{path: /a,\trpc: b}]\n    |                    \t     ^\n")
}
