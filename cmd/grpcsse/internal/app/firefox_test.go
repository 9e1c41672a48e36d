package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// firefox is a headless Firefox, driven over its Marionette protocol: JSON behind its length, over TCP.
type firefox struct {
	conn net.Conn
	read *bufio.Reader
	sent int // how many commands were sent
}

// firefoxPrefs let the test choose no port, and the browser reach nothing but this machine.
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
`

// startFirefox starts a headless Firefox with a profile of its own. Without a Firefox on this machine the test is skipped, or
// fails if GRPCSSE_REQUIRE_BROWSER is 1.
func startFirefox(t *testing.T) *firefox {
	t.Helper()
	path := ""
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
	profile := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPrefs), 0o600))
	command := exec.Command(path, "--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", profile, "about:blank")
	command.Env = append(os.Environ(), "HOME="+profile)
	require.NoError(t, command.Start())
	f := new(firefox)
	t.Cleanup(func() { f.quit(t, command) })
	f.connect(t, filepath.Join(profile, "MarionetteActivePort"))
	f.command(t, "WebDriver:NewSession", map[string]any{"capabilities": map[string]any{}})
	return f
}

// connect waits until Firefox has written its port to a file, and connects.
func (f *firefox) connect(t *testing.T, file string) {
	t.Helper()
	var port []byte
	require.Eventually(t, func() bool {
		port, _ = os.ReadFile(file) // the file is not there at first
		return len(port) > 0
	}, patience, 50*time.Millisecond, "Firefox has not started")
	var err error
	f.conn, err = new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+strings.TrimSpace(string(port)))
	require.NoError(t, err)
	require.NoError(t, f.conn.SetDeadline(time.Now().Add(2*patience)))
	f.read = bufio.NewReader(f.conn)
	_, err = f.receive() // the greeting
	require.NoError(t, err)
}

// quit ends Firefox in good order, or else at once.
func (f *firefox) quit(t *testing.T, command *exec.Cmd) {
	t.Helper()
	late := time.AfterFunc(patience/4, func() { _ = command.Process.Kill() })
	if f.conn == nil {
		_ = command.Process.Kill()
	} else {
		_, _, err := f.send("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}})
		assert.NoError(t, err)
		_ = f.conn.Close()
	}
	_ = command.Wait() // it tells how the process ended
	late.Stop()
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

// command sends a command that must succeed, and returns its result.
func (f *firefox) command(t *testing.T, name string, arguments map[string]any) json.RawMessage {
	t.Helper()
	result, refusal, err := f.send(name, arguments)
	require.NoError(t, err, name)
	require.JSONEq(t, "null", string(refusal), "%s", name)
	return result
}

// open navigates to a page.
func (f *firefox) open(t *testing.T, url string) {
	t.Helper()
	f.command(t, "WebDriver:Navigate", map[string]any{"url": url})
}

// evaluate returns the JSON of what a JavaScript expression is worth. All expressions for a page share their global variables.
func (f *firefox) evaluate(t *testing.T, expression string) json.RawMessage {
	t.Helper()
	var result struct{ Value json.RawMessage }
	answer := f.command(t, "WebDriver:ExecuteScript", map[string]any{
		"script": "return " + expression, "args": []any{}, "newSandbox": false,
	})
	require.NoError(t, json.Unmarshal(answer, &result))
	return result.Value
}

// chrome evaluates an expression with the rights of the browser itself.
func (f *firefox) chrome(t *testing.T, expression string) json.RawMessage {
	t.Helper()
	f.command(t, "Marionette:SetContext", map[string]any{"value": "chrome"})
	defer f.command(t, "Marionette:SetContext", map[string]any{"value": "content"})
	return f.evaluate(t, expression)
}
