package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notRun are the commands of the documentation that TestTheCommandsOfThePagesRun leaves out, and why. It runs all others.
func notRun() map[string]string {
	const bench, ci = "it measures for minutes; docs/performance.md has what it said", "it is a step of .ci/run"
	return map[string]string{
		"go install github.com/grpcsse/grpcsse/cmd/grpcsse@latest    # in a clone: go install ./cmd/grpcsse": "it loads a release; the tests have the program",
		"grpcsse check /etc/grpcsse/grpcsse.yaml":                                                            "the module deploy installs the package with this file",
		"make bench SCENARIO='link-*'":                                                                       bench,
		"make bench SCENARIO='tls-idle,link-shared'":                                                         bench,
		"make bench SCENARIO='shared-5000,idle-*,one-*,trickle-*,lonely-*,open-*,leave-500,tls-idle,link-*,h2-idle-*,pace' ROUNDS=5": bench,
		"make bench SCENARIO='h2-idle-*'":                     bench,
		"make bench SCENARIO=lonely-1000 ROUNDS=5":            bench,
		"make bench SCENARIO=lonely-1000 ROUNDS=5 WARMUP=60s": bench,
		"make bench": bench,
		"npx @hey-api/openapi-ts --input openapi.json --output src/api --client @hey-api/client-fetch": "TestGeneratedClientsReadAStream runs it",
		"npx openapi-typescript openapi.json --output src/api.ts":                                      "TestGeneratedClientsReadAStream runs it",
		"make figures": bench,
		"make figures FIGURES='-only events,program -rounds 9'": bench,
		"make faults":                        ci,
		"make faults FAULTS='-streams 5000'": ci,
		"go test -run '^$' -bench Coding ./bridge/internal/frame":                                                                     bench,
		"GOMAXPROCS=1 go test ./bridge/transcode -run '^$' -bench Transcode -benchmem -count 5":                                       bench,
		"go test -count 1 -v -run TestBrowserCloseCancelsTheUpstream ./bridge":                                                        ci,
		"go test -count 1 -v -run TestClosingTheTab ./cmd/grpcsse/internal/app":                                                       ci,
		`curl -H "Authorization: Bearer $(cat admin.token)" http://127.0.0.1:9091/routes`:                                             "it needs a program with a listener for administrators; the tests of package admin make these requests",
		`curl -X POST -H "Authorization: Bearer $(cat admin.token)" -H 'X-Grpcsse-Admin: 1' 'http://127.0.0.1:9091/-/shed?share=0.2'`: "as above",
	}
}

// shown has what a page shows of the output of a command: expressions that fit what the command writes, and the page. The key is
// what the command begins with.
func shown() map[string][]string {
	return map[string][]string{
		"curl -N http://127.0.0.1:8082/quotes/AAPL":     {`(?m)^data: \{"sequence":"\d+","symbol":"AAPL","price":[\d.]+,"change":-?[\d.]+,"volume":\d+,"time":"\S+Z"\}$`},
		"grpcsse init --upstream localhost:50051 --out": {},
		"grpcsse init --upstream localhost:50051": {
			`(?m)^# yaml-language-server: \$schema=\./grpcsse\.schema\.json$`, `(?m)^  - path: /quotes/\{symbol\}$`,
			`(?m)^    # request: \{set: \{after_sequence: "\$\{last_event_id\}"\}\}$`, `(?m)^    # share: \{late_join: latest\}$`,
		},
		"grpcsse routes --config": {
			`(?m)^METHOD +PATH +RPC +UPSTREAM +SOURCE +FIELDS +SHARING +STATE$`,
			`(?m)^GET +/quotes/\{symbol\} +demo\.market\.v1\.MarketService/WatchQuotes .*path=symbol query=.* +private +served$`,
		},
		"grpcsse tail http": {`(?m)^\d\d:\d\d:\d\d\.\d{3} message .*\{.*"symbol":"AAPL","price":[\d.]+`},
		"grpcsse probe":     {`(?m)^ok +content-type +text/event-stream$`, `(?m)^verdict: \w+, \d faults?, \d warnings?$`},
	}
}

// TestTheCommandsOfThePagesRun does what a reader does who types the commands of a page from top to bottom, in a new folder: it saves
// each file that the page shows, starts the servers and leaves them on, and looks at streams until they have an event. Only the ports
// are others, so that tests can run side by side.
func TestTheCommandsOfThePagesRun(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	pages = append(pages, "../../README.md")
	passed := &passes{seen: map[string]bool{}}
	t.Run("pages", func(t *testing.T) {
		for _, page := range pages {
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			if filepath.Base(page) == "replicas.md" {
				continue // its commands need NATS servers and a Kubernetes; the modules bridge/cluster/natstest and deploy have tests of both
			}
			if strings.Contains(string(text), "```sh\n") {
				t.Run(filepath.Base(page), func(t *testing.T) {
					t.Parallel()
					newReader(t, page, string(text)).read(passed)
				})
			}
		}
	})
	for command := range notRun() {
		assert.True(t, passed.seen[command], "no page has the command %q any more: take it from notRun", command)
	}
	for command := range shown() {
		assert.True(t, passed.seen[command], "no page has a command %q any more: take it from shown", command)
	}
}

// passes notes which entries of notRun and of shown were used. It may be used concurrently.
type passes struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (p *passes) note(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[key] = true
}

// reader follows one page.
type reader struct {
	t      *testing.T
	name   string
	page   string
	folder string
	ports  map[string]string // addresses, by the ports of the page
	served map[string]func() // end the servers, by their addresses
}

func newReader(t *testing.T, name, page string) *reader {
	r := &reader{t: t, name: filepath.Base(name), page: page, folder: t.TempDir(), ports: map[string]string{}, served: map[string]func(){}}
	t.Cleanup(func() {
		for _, end := range r.served {
			end()
		}
	})
	if r.name == "browser.md" || r.name == "commands.md" || r.name == "openapi.md" { // the reader has the demo already
		other, err := unused(t.Context())
		require.NoError(t, err)
		r.start("grpcsse demo --listen "+other+" --grpc "+r.address("50051"), r.address("50051"))
	}
	switch r.name { // and what else the page says
	case "openapi.md":
		r.save("grpcsse.yaml", r.moved("upstreams: {market: {target: \"127.0.0.1:50051\"}}\n"+
			"routes: [{path: \"/quotes/{symbol}\", rpc: demo.market.v1.MarketService/WatchQuotes}]\n"))
	case "getting-started.md":
		startTicker(t, r.address("50051"), fenced(page, "proto"))
	}
	r.save("api/shop.proto", "syntax = \"proto3\";\nmessage M {}\nservice Shop { rpc Watch(M) returns (stream M); }\n")
	return r
}

var (
	fence   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	written = regexp.MustCompile(`(127\.0\.0\.1|localhost):(\d{4,5})\b`)
)

// fenced returns the first block of a page in a language.
func fenced(page, language string) string {
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		if block[1] == language {
			return block[2]
		}
	}
	return ""
}

// read follows the page from top to bottom.
func (r *reader) read(passed *passes) {
	blocks := fence.FindAllStringSubmatch(r.page, -1)
	for i, block := range blocks {
		switch language, text := block[1], block[2]; language {
		case "yaml":
			r.save("grpcsse.yaml", r.moved(text))
		case "proto":
			r.save("ticker.proto", text)
		case "html":
			r.save("index.html", r.moved(text))
		case "sh":
			output := r.block(text, passed)
			if i+1 < len(blocks) && blocks[i+1][1] == "" {
				assert.True(r.t, output, "%s shows the output of a command, and `shown` has no word of it:\n%s", r.name, text)
			}
		}
	}
}

// block runs the commands of a block. It reports whether the output of one was compared with the page, or one was left out.
func (r *reader) block(text string, passed *passes) (compared bool) {
	for command := range strings.Lines(text) {
		command = strings.TrimSpace(command)
		if _, ok := notRun()[command]; ok {
			passed.note(command)
			compared = true
			continue
		}
		output := r.run(command)
		var key string // the longest that fits
		for k := range shown() {
			if strings.HasPrefix(command, k) && len(k) > len(key) {
				key = k
			}
		}
		passed.note(key)
		for _, expression := range shown()[key] {
			assert.Regexp(r.t, expression, output, "%s: what %q writes", r.name, command)
			assert.Regexp(r.t, expression, r.page, "%s: what the page shows of %q", r.name, command)
			compared = true
		}
	}
	return compared
}

func (r *reader) save(name, text string) {
	path := filepath.Join(r.folder, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o600))
}

// address returns the address of the test for a port of the page.
func (r *reader) address(port string) string {
	if r.ports[port] == "" {
		address, err := unused(r.t.Context())
		require.NoError(r.t, err)
		r.ports[port] = address
	}
	return r.ports[port]
}

// moved returns text of the page with the ports of the test.
func (r *reader) moved(text string) string {
	return written.ReplaceAllStringFunc(text, func(found string) string {
		host, port, _ := strings.Cut(found, ":")
		_, moved, _ := strings.Cut(r.address(port), ":")
		return host + ":" + moved
	})
}

// run runs a command, and returns what it wrote to standard output. A server stays on. A command that follows a stream has an event.
func (r *reader) run(command string) string {
	moved := r.moved(command)
	words, _, _ := strings.Cut(moved, " #")
	switch {
	case strings.HasPrefix(words, "grpcsse demo"):
		r.start(words+" --listen "+r.address("8080")+" --grpc "+r.address("50051"), r.address("50051"))
	case strings.HasPrefix(words, "grpcsse serve"):
		listen := regexp.MustCompile(`--listen (\S+)`).FindStringSubmatch(words)
		if listen == nil {
			listen = []string{"", r.address("8080")}
			words += " --listen " + listen[1]
		}
		r.start(words, listen[1])
	case strings.HasPrefix(words, "curl -N"), strings.HasPrefix(words, "grpcsse tail http"):
		return r.follow(words)
	default:
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
		defer cancel()
		var stdout, stderr bytes.Buffer
		run := r.command(ctx, moved)
		run.Stdout, run.Stderr = &stdout, &stderr
		assert.NoError(r.t, run.Run(), "%s: %s\n%s%s", r.name, moved, &stdout, &stderr)
		return stdout.String()
	}
	return ""
}

func (r *reader) command(ctx context.Context, line string) *exec.Cmd {
	command := exec.CommandContext(ctx, "sh", "-c", line)
	command.Dir = r.folder
	command.WaitDelay = 10 * time.Second
	return command
}

// start starts a server that listens at an address, in place of the one that did so before.
func (r *reader) start(command, address string) {
	if end := r.served[address]; end != nil {
		end()
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	said := new(told)
	server := r.command(ctx, "exec "+command)
	server.Stderr, server.Stdout = said, said
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	require.NoError(r.t, server.Start())
	r.served[address] = func() {
		delete(r.served, address)
		cancel()
		if err := server.Wait(); err != nil && ctx.Err() == nil {
			r.t.Errorf("%s: %s: %v\n%s", r.name, command, err, said)
		}
	}
	if strings.HasPrefix(command, "grpcsse demo") {
		said.await(r.t, "page: http")
	} else {
		said.await(r.t, "msg=listening")
	}
}

// follow runs a command that follows a stream, until it has written an event. It runs it again while the bridge has no schema yet: a
// reader takes longer to type than the bridge to load it.
func (r *reader) follow(command string) string {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	read := r.firstEvent(ctx, command)
	for ctx.Err() == nil && strings.Contains(strings.Join(read, " "), "the schema of the route is not loaded yet") {
		read = r.firstEvent(ctx, command)
	}
	text := strings.Join(read, "\n") + "\n"
	assert.True(r.t, slices.ContainsFunc(read, isEvent), "%s: %s has no event:\n%s", r.name, command, text)
	return text
}

func isEvent(line string) bool { return strings.Contains(line, `{"`) }

// firstEvent runs a command until it has written an event or ends, and returns its lines.
func (r *reader) firstEvent(ctx context.Context, command string) (read []string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := r.command(ctx, "exec "+command)
	stdout, err := run.StdoutPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, run.Start())
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		read = append(read, lines.Text())
		if isEvent(lines.Text()) {
			break
		}
	}
	cancel()
	_ = run.Wait() // it was ended
	return read
}
