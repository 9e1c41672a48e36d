package natstest

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/internal/chromium"
)

// terminal is a shell in an empty folder, with the programs of this repository.
type terminal struct {
	shell *exec.Cmd
	in    io.Writer
	lines chan string // of its standard output
}

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	bridge, err := program()
	require.NoError(t, err)
	programs := filepath.Dir(bridge)
	build := exec.Command("go", "build", "-o", filepath.Join(programs, "nats-server"), "github.com/nats-io/nats-server/v2")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	shell := exec.Command("bash")
	shell.Dir = t.TempDir()
	shell.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "TMPDIR="+shell.Dir) // NATS has its folder there
	in, err := shell.StdinPipe()
	require.NoError(t, err)
	complaints := &text{}
	shell.Stderr = complaints
	out := begin(t, shell)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		t.Log(complaints.String())
		logs, _ := filepath.Glob(filepath.Join(shell.Dir, "*.log"))
		for _, log := range logs {
			content, _ := os.ReadFile(log)
			t.Logf("%s:\n%.4000s", filepath.Base(log), content)
		}
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for out.Scan() {
			lines <- out.Text()
		}
	}()
	return &terminal{shell: shell, in: in, lines: lines}
}

// begin starts a command, which ends with the test, and so does all that it has started.
func begin(t *testing.T, cmd *exec.Cmd) (out *bufio.Scanner) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return bufio.NewScanner(pipe)
}

// enter has the shell do something, and returns what it prints until it is ready for more.
func (s *terminal) enter(t *testing.T, commands string) (printed string) {
	t.Helper()
	const ready = "ready for more"
	_, err := io.WriteString(s.in, commands+"\necho '"+ready+"'\n")
	require.NoError(t, err)
	var all strings.Builder
	for overdue := time.After(patience); ; {
		select {
		case line, open := <-s.lines:
			require.True(t, open, "the shell goes on; it has printed\n%s", &all)
			if line == ready {
				return all.String()
			}
			all.WriteString(line + "\n")
		case <-overdue:
			require.FailNow(t, "the shell is not ready", "%s\nhas printed\n%s", commands, &all)
		}
	}
}

// second runs a command in another terminal, in the same folder.
func (s *terminal) second(t *testing.T, command string) *tailed {
	t.Helper()
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir, cmd.Env = s.shell.Dir, s.shell.Env
	return &tailed{lines: begin(t, cmd)}
}

// page is a page in Chromium that listens to the tape.
type page struct{ ctx context.Context }

// listen writes down the id of each event, what the bridge says, and the state of the EventSource at each error.
const listen = `(() => {
	window.seen = {ids: [], states: [], told: []};
	const source = new EventSource("/tape");
	source.onmessage = (e) => { seen.ids.push(Number(e.lastEventId)); };
	source.onerror = () => { seen.states.push(source.readyState); };
	for (const name of ["grpc-reset", "grpc-status", "grpc-stale"]) {
		source.addEventListener(name, (e) => { seen.told.push(name + " " + e.data); });
	}
	return true;
})()`

// openPage opens a page of a bridge, which has no page for the path, and has it listen.
func openPage(t *testing.T, base string) *page {
	t.Helper()
	browser := &chromium.Browser{}
	t.Cleanup(browser.Quit)
	p := &page{browser.Open(t, 4*patience, base+"/none")}
	require.True(t, value[bool](t, p, listen))
	return p
}

// value evaluates an expression on the page.
func value[T any](t *testing.T, p *page, expression string) T {
	t.Helper()
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, "%s", expression)
	return found
}

// events waits until the page has some events more than it has now.
func (p *page) events(t *testing.T, more int) {
	t.Helper()
	wanted := value[int](t, p, "seen.ids.length") + more
	require.Eventually(t, func() bool { return value[int](t, p, "seen.ids.length") >= wanted }, patience, 50*time.Millisecond,
		"the page has events, and the bridge has told it %v", value[[]string](t, p, "seen.told"))
}

// unharmed checks that the page has each event once, and that nothing else has happened to it.
func (p *page) unharmed(t *testing.T) {
	t.Helper()
	ids := value[[]int](t, p, "seen.ids")
	for i, id := range ids {
		require.Equal(t, ids[0]+i, id, "the events of the page, after its first one")
	}
	assert.Empty(t, value[[]int](t, p, "seen.states"), "the readyState at each error")
	assert.Empty(t, value[[]string](t, p, "seen.told"), "what the bridge has said")
}
