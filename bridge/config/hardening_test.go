package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// parseProblems returns what is wrong with data.
func parseProblems(t *testing.T, data string) config.Problems {
	t.Helper()
	_, err := config.Parse("a.yaml", []byte(data), config.WithEnv(testEnv))
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	return problems
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9))
	}
	problems := parseProblems(t, b.String())
	assert.Contains(t, problems.Error(), "an alias (*a0) is not supported")
	assert.Less(t, len(problems), 30*12, "no alias is expanded")
}

func TestSelfReference(t *testing.T) {
	assert.Contains(t, parseProblems(t, "server: &s {limits: *s}\n").Error(), "an alias (*s) is not supported")
}

func TestDeepNesting(t *testing.T) {
	for _, data := range []string{
		strings.Repeat("[", 1<<20), strings.Repeat("{a: ", 1<<18), strings.Repeat("- ", 1<<18), strings.Repeat("? ", 1<<18),
	} {
		problems := parseProblems(t, data)
		require.Len(t, problems, 1)
		assert.Contains(t, problems[0].Message, "invalid YAML")
		var rendered bytes.Buffer
		problems.Render(&rendered)
		assert.Less(t, rendered.Len(), 1000)
	}
}

func TestHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.yaml")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("# nothing\n"), 1<<19), 0o600))
	_, err := config.Load(path)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "expected a configuration file of at most 4MiB")
}

func TestEndlessFile(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skip("no /dev/zero here")
	}
	_, err := config.Load("/dev/zero")
	require.ErrorContains(t, err, "/dev/zero: is a device: expected a regular file")
	long := filepath.Join(t.TempDir(), "long")
	require.NoError(t, os.WriteFile(long, nil, 0o600))
	require.NoError(t, os.Truncate(long, 1<<40)) // zeros without end, which take no place
	_, err = config.Load(long)
	require.ErrorContains(t, err, "expected a configuration file of at most 4MiB")
	for file, says := range map[string][]string{
		"/dev/zero": {"is a device: expected a regular file"},
		long:        {"expected a configuration file of at most 4MiB", "expected a file of at most 64KiB"},
	} {
		problems := parseProblems(t, "upstreams: {a: {target: b, metadata: {c_file: "+file+"}}}\ninclude: ["+file+"]\n")
		require.Len(t, problems, 2)
		for i, p := range problems {
			assert.Contains(t, p.Error(), says[i%len(says)])
		}
	}
	_, err = config.ReadFile(long, 10)
	require.ErrorContains(t, err, "long: expected at most 10, found more")
	_, err = config.ReadFile("/dev/zero", 10)
	require.ErrorContains(t, err, "is a device: expected a regular file")
	_, err = (&config.ServerTLS{CertFile: long, KeyFile: long}).Load()
	require.ErrorContains(t, err, "long: the file is too long")
}

// No control sequence in a file reaches the terminal.
func TestTerminalSequences(t *testing.T) {
	problems := parseProblems(t, "\"\\e[31mred\": 1\nserver: {listen: \"\\e]0;title\\a\", \u202e: 2}\nupstreams: {\"\\r\": {target: a b}}\nroutes: [{path: \"/\\e\", rpc: \"\\e\"}]\n")
	require.GreaterOrEqual(t, len(problems), 5)
	var rendered bytes.Buffer
	problems.Render(&rendered)
	assert.NotContains(t, rendered.String(), "\x1b")
	assert.NotContains(t, rendered.String(), "\r")
	assert.NotContains(t, rendered.String(), "\u202e")
	for _, p := range problems {
		assert.NotContains(t, p.Error(), "\x1b")
	}
}

// No problem shows the value of an environment variable.
func TestSecretsStayOut(t *testing.T) {
	keys := []string{
		"name", "path", "rpc", "upstream", "methods", "body", "request", "metadata", "event", "json", "share", "on_end", "reopen", "status", "open_errors",
		"expose_errors", "open_wait", "heartbeat", "write_timeout", "send_buffer", "max_age", "max_event_bytes", "compression", "cors", "auth", "limits",
	}
	for _, value := range []string{"${env.SECRET}", "[\"${env.SECRET}\"]", "/{${env.SECRET}"} {
		for _, key := range keys {
			problems := parseProblems(t, fmt.Sprintf("upstreams: {a: {target: b}}\nroutes:\n  - %s: %s\n", key, value))
			var rendered bytes.Buffer
			problems.Render(&rendered)
			assert.NotContains(t, rendered.String(), secret, key)
		}
	}
	sections := []string{
		"request: {set: {a: [%s, ['${env.SECRET}']]}}", "event: {name: {const: [%s]}}", "reopen: {backoff: {base: %s}}", "share: {slow_client: %s}",
		"share: {late_join: %s}", "share: {late_join: {since: %s}}", "share: {late_join: {latest_by: a, keys: %s}}", "share: {replay: {events: %s}}",
		"share: {replay: {bytes: %s}}", "share: {replay: {age: %s}}", "share: {linger: %s}", "share: {reopen_after: %s}", "share: {catch_up: %s}",
		"share: {late_join: {%s: a}}",
	}
	for _, section := range sections {
		problems := parseProblems(t, fmt.Sprintf("upstreams: {a: {target: b}}\nroutes:\n  - "+section+"\n", "'${env.SECRET}'"))
		var rendered bytes.Buffer
		problems.Render(&rendered)
		assert.NotContains(t, rendered.String(), secret, section)
	}
	for _, p := range []string{"${env.SECRET}", "/a/{${env.SECRET}}/{${env.SECRET}.b}"} {
		problems := parseProblems(t, "upstreams: {a: {target: b}}\nroutes:\n  - {rpc: a.B/C, path: '"+p+"'}\n")
		assert.NotContains(t, problems.Error(), secret)
	}
}

// A hint can reveal the value that it is made of. So a value of an environment variable gets no hint, even if it is similar to
// a word.
func TestNoHintIsMadeOfASecret(t *testing.T) {
	const routed = "upstreams: {a: {target: b}}\nroutes:\n  - {path: /a, rpc: b.C/D, %s}\n"
	const called = "upstreams: {a: {target: b, annotations: true, %s}}\n"
	for file, values := range map[string][]string{
		fmt.Sprintf(called, "balance: '${env.S}'"):                                                                            {"round_robbin", "pick-first"},
		fmt.Sprintf(called, "target: '${env.S}'"):                                                                             {"http://secret:1", "https://secret"},
		fmt.Sprintf(called, "connections: '${env.S}'"):                                                                        {"0", "12x"},
		fmt.Sprintf(called, "max_message_bytes: '${env.S}'"):                                                                  {"4MB", "7 kb"},
		fmt.Sprintf(called, "annotations: '${env.S}'"):                                                                        {"yes", "off"},
		fmt.Sprintf(called, "keepalive: {time: '${env.S}'}"):                                                                  {"15", "0s", "never"},
		fmt.Sprintf(routed, "on_end: '${env.S}'"):                                                                             {"stopp", "reconect"},
		fmt.Sprintf(routed, "status: {UNKNOWN: '${env.S}'}"):                                                                  {"retry", "stopp"},
		fmt.Sprintf(routed, "compression: '${env.S}'"):                                                                        {"no", "aut"},
		fmt.Sprintf(routed, "heartbeat: '${env.S}'"):                                                                          {"15"},
		fmt.Sprintf(routed, "upstream: '${env.S}'"):                                                                           {"aa"},
		fmt.Sprintf(routed, "share: '${env.S}'"):                                                                              {"latest", "no"},
		fmt.Sprintf(routed, "share: {late_join: '${env.S}'}"):                                                                 {"since", "latestt"},
		fmt.Sprintf(routed, "cors: {origins: ['${env.S}']}"):                                                                  {"https://A.example", "null", "https://*.a"},
		fmt.Sprintf(routed, "request: {set: {a: '${env.S}', b: '${path.x}'}}"):                                                {"hunter2x"},
		called + "server: {listen: '${env.S}'}\n":                                                                             {"8080"},
		called + "server: {hosts: ['${env.S}']}\n":                                                                            {"https://secret.example", "*"},
		called + "server: {limits: {streams: '${env.S}'}}\n":                                                                  {"0", "unlimited"},
		"upstreams: {a: {target: b}}\nroutes: [{path: /a, rpc: '${env.S}'}]\n":                                                {"/a.B/C", "a.B.C"},
		"upstreams: {a: {target: b}}\nroutes: [{path: '/${env.S}/{name}', rpc: a.B/C, request: {set: {a: '${path.nam}'}}}]\n": {"hunter2"},
	} {
		if strings.HasPrefix(file, called) {
			file = strings.Replace(file, "%s", "balance: pick_first", 1)
		}
		for _, value := range values {
			_, err := config.Parse("a.yaml", []byte(file), config.WithEnv(func(string) (string, bool) { return value, true }))
			var problems config.Problems
			require.ErrorAs(t, err, &problems, "%s with %s", file, value)
			for _, p := range problems {
				assert.NotContains(t, p.Hint, "did you mean", "%s with %s", file, value)
				if strings.Contains(value, "secret") || strings.Contains(value, "hunter") {
					assert.NotContains(t, p.Error()+p.Hint, value, file)
				}
			}
		}
	}
}

func TestProblemsOfDefaultsAreReportedOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("upstreams: {a: {target: b}}\ndefaults: {heartbeat: x, retry: y}\nroutes:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  - {path: /%d, rpc: b.C/D, heartbeet: 1s, request: {set: {a: 1, a.b: 2}}}\n", i)
	}
	problems := parseProblems(t, b.String())
	assert.Len(t, problems, 2+2*2000, "a problem of `defaults` is reported once")
}

// The number of problems of a large file grows with its size, and so does the work. If they grew with the square of the size,
// the test would not end.
func TestLargeSections(t *testing.T) {
	const many = 4000
	lines := func(format string) string {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const head = "upstreams: {a: {target: b}}\n"
	tests := map[string]struct {
		file     string
		problems int
	}{
		"upstreams":  {"upstreams:\n" + lines("  u%d: {target: b}\n"), 0},
		"unknown":    {"upstreams:\n" + lines("  u%d: {target: b}\n") + "routes:\n" + lines("- {path: /%d, rpc: b.C/D, upstream: x}\n"), many},
		"set":        {head + "routes:\n- path: /a\n  rpc: b.C/D\n  request:\n    set:\n" + lines("      f%d: 1\n"), 0},
		"query":      {head + "routes:\n- path: /a\n  rpc: b.C/D\n  request:\n    query:\n" + lines("    - f%d\n"), 0},
		"set path":   {head + "routes:\n- path: /a\n  rpc: b.C/D\n  request:\n    set:\n" + lines("      f%d: ${path.x}\n"), many},
		"forward":    {head + "routes:\n- path: /a\n  rpc: b.C/D\n  metadata:\n    forward:\n" + lines("    - x-%d\n") + "    set:\n" + lines("      x-%d: a\n"), many},
		"origins":    {head + "routes:\n- path: /a\n  rpc: b.C/D\n  cors:\n    origins:\n" + lines("    - https://a%d\n"), 0},
		"methods":    {head + "routes:\n- path: /a\n  rpc: b.C/D\n  methods:\n" + strings.Repeat("  - GET\n", many), 1},
		"duplicates": {head + strings.Repeat("upstreams: 1\n", many), many},
		"shared":     {head + "defaults: {share: {late_join: latest}, methods: [GET]}\nroutes:\n" + lines("- {path: /%d, rpc: b.C/D, methods: [POST]}\n"), many},
		"keys":       {head + "routes:\n- path: /a\n  rpc: b.C/D\n" + lines("  k%d: 1\n"), many},
		"references": {head + "server: {listen: \"" + strings.Repeat("${absent}", many) + "\"}\n", 1},
		"variables":  {head + "routes: [{rpc: b.C/D, path: \"" + lines("/{f%d}") + "\"}]\n", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("a.yaml", []byte(tt.file))
			if tt.problems == 0 {
				require.NoError(t, err)
				return
			}
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			assert.Len(t, problems, tt.problems)
			var rendered bytes.Buffer
			problems.Render(&rendered)
			assert.Less(t, rendered.Len(), 1000*tt.problems)
		})
	}
}
