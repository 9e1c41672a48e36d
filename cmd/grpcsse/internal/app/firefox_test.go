package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sharedFirefox is the Firefox that all tests of a run share, since starting one takes seconds. Each test has a window of its own.
var sharedFirefox firefox

// firefox is a headless Firefox, driven over its Marionette protocol: JSON behind its length, over TCP. Tests may use it concurrently.
type firefox struct {
	once    sync.Once
	err     error // why it did not start
	profile string
	process *exec.Cmd

	mu   sync.Mutex
	conn net.Conn
	read *bufio.Reader
	sent int    // how many commands were sent
	turn string // the window to which commands go
	base string // the window that stays
}

// firefoxWindow is a window, or a tab, of the Firefox.
type firefoxWindow struct {
	f      *firefox
	handle string
}

// firefoxPrefs let the browser choose its port, reach nothing but this machine, change colours at once, and keep pages that are left
// also where other tests leave pages.
const firefoxPrefs = `
user_pref("marionette.port", 0);
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 1);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 1);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.server", "");
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:1");
user_pref("ui.prefersReducedMotion", 1);
user_pref("devtools.jsonview.enabled", false);
user_pref("browser.sessionhistory.max_total_viewers", 100);
`

// openFirefox opens a window of Firefox until the test ends. Without a Firefox on this machine the test is skipped, or fails if
// GRPCSSE_REQUIRE_BROWSER is 1.
func openFirefox(t *testing.T) *firefoxWindow {
	t.Helper()
	f := &sharedFirefox
	path := findFirefox(t)
	f.once.Do(func() { f.err = f.launch(path) })
	require.NoError(t, f.err)
	return f.window(t, "window", f.base)
}

// startFirefox starts a Firefox of its own for a test that changes the browser itself, and returns its window.
func startFirefox(t *testing.T) *firefoxWindow {
	t.Helper()
	f := new(firefox)
	t.Cleanup(f.quit)
	require.NoError(t, f.launch(findFirefox(t)))
	return &firefoxWindow{f: f, handle: f.base}
}

func findFirefox(t *testing.T) (path string) {
	t.Helper()
	for _, name := range []string{"firefox", "firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		if os.Getenv("GRPCSSE_REQUIRE_BROWSER") == "1" {
			t.Fatal("GRPCSSE_REQUIRE_BROWSER is 1, and there is no Firefox on this machine")
		}
		t.Skip("skipped: there is no Firefox on this machine (Debian: apt-get install firefox-esr)")
	}
	return path
}

// tab opens another tab of the window until the test ends. It is in the background.
func (w *firefoxWindow) tab(t *testing.T) *firefoxWindow {
	t.Helper()
	return w.f.window(t, "tab", w.handle)
}

// launch starts the browser, which goes on after the test that needs it first.
func (f *firefox) launch(path string) (err error) {
	if f.profile, err = os.MkdirTemp("", "grpcsse-firefox-"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.profile, "user.js"), []byte(firefoxPrefs), 0o600); err != nil {
		return err
	}
	command := exec.Command(path, "--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", f.profile, "about:blank")
	command.Env = append(os.Environ(), "HOME="+f.profile)
	if err := command.Start(); err != nil {
		return err
	}
	f.process = command
	if err := f.connect(filepath.Join(f.profile, "MarionetteActivePort")); err != nil {
		return err
	}
	_, refusal, err := f.send("WebDriver:NewSession", map[string]any{"capabilities": map[string]any{}})
	if err == nil && string(refusal) != "null" {
		err = errors.New(string(refusal))
	}
	if err != nil {
		return err
	}
	var first struct{ Value string }
	answer, _, err := f.send("WebDriver:GetWindowHandle", map[string]any{})
	if err == nil {
		err = json.Unmarshal(answer, &first)
	}
	f.base = first.Value
	return err
}

// connect waits until Firefox has written its port to a file, and connects.
func (f *firefox) connect(file string) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var port []byte
	for len(port) == 0 {
		select {
		case <-again.C:
			port, _ = os.ReadFile(file) // the file is not there at first
		case <-ctx.Done():
			return errors.New("the browser does not say at which port it listens")
		}
	}
	var err error
	if f.conn, err = new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+strings.TrimSpace(string(port))); err != nil {
		return err
	}
	f.read = bufio.NewReader(f.conn)
	if err := f.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = f.receive() // the greeting
	return err
}

// quit ends Firefox in good order, or else at once.
func (f *firefox) quit() {
	if f.process != nil {
		late := time.AfterFunc(patience/4, func() { _ = f.process.Process.Kill() })
		defer late.Stop()
		if f.conn == nil {
			_ = f.process.Process.Kill()
		} else {
			_, _, _ = f.send("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}})
			_ = f.conn.Close()
		}
		_ = f.process.Wait() // it tells how the process ended
	}
	if f.profile != "" {
		_ = os.RemoveAll(f.profile)
	}
}

// receive returns the next message.
func (f *firefox) receive() ([]byte, error) {
	length, err := f.read.ReadString(':')
	if err != nil {
		return nil, err
	}
	n := 0
	if _, err := fmt.Sscanf(length, "%d:", &n); err != nil {
		return nil, err
	}
	message := make([]byte, n)
	_, err = io.ReadFull(f.read, message)
	return message, err
}

// send sends a command. It returns the result, and the error that the browser tells.
func (f *firefox) send(name string, arguments map[string]any) (result, refusal json.RawMessage, err error) {
	f.sent++
	text, err := json.Marshal([]any{0, f.sent, name, arguments})
	if err != nil {
		return nil, nil, err
	}
	if err := f.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, nil, err
	}
	if _, err := fmt.Fprintf(f.conn, "%d:%s", len(text), text); err != nil {
		return nil, nil, err
	}
	message, err := f.receive()
	if err != nil {
		return nil, nil, err
	}
	var answer [4]json.RawMessage // 1, the number of the command, the error, the result
	err = json.Unmarshal(message, &answer)
	return answer[3], answer[2], err
}

// must sends a command that must succeed, and returns its result. The caller has locked the browser.
func (f *firefox) must(t *testing.T, name string, arguments map[string]any) json.RawMessage {
	t.Helper()
	result, refusal, err := f.send(name, arguments)
	require.NoError(t, err, name)
	require.JSONEq(t, "null", string(refusal), "%s", name)
	return result
}

// window opens a window, or a tab of another window, which the end of the test closes.
func (f *firefox) window(t *testing.T, kind, from string) *firefoxWindow {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takeTurn(t, from)
	var made struct{ Handle string }
	require.NoError(t, json.Unmarshal(f.must(t, "WebDriver:NewWindow", map[string]any{"type": kind}), &made))
	w := &firefoxWindow{f: f, handle: made.Handle}
	t.Cleanup(func() { w.close(t) })
	return w
}

// takeTurn makes commands go to a window.
func (f *firefox) takeTurn(t *testing.T, handle string) {
	t.Helper()
	if f.turn != handle {
		f.must(t, "WebDriver:SwitchToWindow", map[string]any{"handle": handle, "focus": false})
		f.turn = handle
	}
}

// command sends a command to the window. The command must succeed.
func (w *firefoxWindow) command(t *testing.T, name string, arguments map[string]any) json.RawMessage {
	t.Helper()
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.takeTurn(t, w.handle)
	return w.f.must(t, name, arguments)
}

// close closes the window, unless it is closed.
func (w *firefoxWindow) close(t *testing.T) {
	t.Helper()
	if w.handle == "" {
		return
	}
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.takeTurn(t, w.handle)
	w.f.must(t, "WebDriver:CloseWindow", nil)
	w.handle = ""
	w.f.takeTurn(t, w.f.base)
}

// open navigates to a page.
func (w *firefoxWindow) open(t *testing.T, url string) {
	t.Helper()
	w.command(t, "WebDriver:Navigate", map[string]any{"url": url})
}

// evaluate returns the JSON of what a JavaScript expression is worth. All expressions for a page share their global variables.
func (w *firefoxWindow) evaluate(t *testing.T, expression string) json.RawMessage {
	t.Helper()
	var result struct{ Value json.RawMessage }
	answer := w.command(t, "WebDriver:ExecuteScript", map[string]any{
		"script": "return " + expression, "args": []any{}, "newSandbox": false,
	})
	require.NoError(t, json.Unmarshal(answer, &result))
	return result.Value
}

// press presses keys one after the other. The keys of WebDriver that are no characters have code points of their own.
func (w *firefoxWindow) press(t *testing.T, keys string) {
	t.Helper()
	var actions []map[string]string
	for _, key := range keys {
		actions = append(actions, map[string]string{"type": "keyDown", "value": string(key)}, map[string]string{"type": "keyUp", "value": string(key)})
	}
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.must(t, "WebDriver:SwitchToWindow", map[string]any{"handle": w.handle, "focus": true}) // a keyboard writes to one window only
	w.f.turn = w.handle
	w.f.must(t, "WebDriver:PerformActions", map[string]any{"actions": []map[string]any{{"type": "key", "id": "keyboard", "actions": actions}}})
}

// chrome evaluates an expression with the rights of the browser itself.
func (w *firefoxWindow) chrome(t *testing.T, expression string) json.RawMessage {
	t.Helper()
	w.command(t, "Marionette:SetContext", map[string]any{"value": "chrome"})
	defer w.command(t, "Marionette:SetContext", map[string]any{"value": "content"})
	return w.evaluate(t, expression)
}
