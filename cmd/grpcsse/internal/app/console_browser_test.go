package app_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/app"
	market "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

// startServe runs `grpcsse serve` until the test ends. The function that it returns waits until the program has logged the
// expression, and returns its first group.
func startServe(t *testing.T, args ...string) (logged func(expression string) string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stderr, ended := new(output), make(chan struct{})
	go func() {
		defer close(ended)
		app.Main(ctx, append([]string{"serve"}, args...), io.Discard, stderr)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if t.Failed() {
			t.Logf("what the program logged:\n%s", stderr)
		}
	})
	return func(expression string) (found string) {
		t.Helper()
		require.Eventually(t, func() bool {
			match := regexp.MustCompile(expression).FindStringSubmatch(stderr.String())
			if match != nil {
				found = match[1]
			}
			return match != nil
		}, patience, 10*time.Millisecond, "%s was not logged:\n%s", expression, stderr)
		return found
	}
}

// What a foreign server says is text for the console, wherever it stands.
func TestTheConsoleShowsANastyServerAsTextInChromium(t *testing.T) {
	t.Parallel()
	up, page := startNasty(t)
	p := startIn(t, "Chromium")(t, page)
	p.until(t, `document.querySelectorAll("#routes a").length === 1 && location.pathname === "/-/console/"`)
	p.click(t, "#routes a")
	p.until(t, `document.querySelector(".head .doc")?.textContent.includes("<img src=x onerror=")`)
	p.until(t, `[...document.querySelectorAll(".refused dd")].some((dd) => dd.textContent.includes("a map has no form"))`)
	set(t, p, "right", "many")
	p.click(t, "#go")
	p.until(t, `document.activeElement.getAttribute("aria-invalid") === "true" && document.querySelector("#state").dataset.state === "idle"`)
	set(t, p, "right", "7")
	set(t, p, "text", "<b>&x=1")
	set(t, p, "level", "LEVEL_HIGH")
	set(t, p, "words", "a\nb")
	set(t, p, "most", "3")
	set(t, p, "__proto__", "5")
	p.click(t, "#go")
	call := up.NextCall("Watch")
	call.ExpectRequest(`{"right": 7, "text": "<b>&x=1", "level": "LEVEL_HIGH", "words": ["a", "b"], "filter": {"limits": {"most": 3}}, "__proto__": 5}`)
	event := func(n int) string {
		return fmt.Sprintf(`{"text": "<script>document.title='owned'</script>", "__proto__": "p", "constructor": "<img src=x onerror=alert(1)>",
			"labels": {"__proto__": "%d", "toString": "x"}, "any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}, "f7": %d}`, n, n)
	}
	call.SendJSON(event(1), event(2))
	p.until(t, `document.querySelectorAll(".events li").length === 2 && document.querySelector("#count").textContent === "2"`)
	p.click(t, "#mode-diff")
	p.until(t, `[...document.querySelectorAll(".events li:first-child .change")].some((c) => c.textContent === "f7 1 → 2")`)
	p.click(t, "#pause")
	call.SendJSON(event(3))
	p.until(t, `document.querySelector("#count").textContent === "3" && document.querySelectorAll(".events li").length === 2`)
	p.click(t, "#pause")
	p.until(t, `document.querySelectorAll(".events li").length === 3`)
	p.click(t, "#mode-raw")
	p.until(t, `document.querySelector(".events .body").textContent.includes("data: {")`)
	p.click(t, ".events button")
	p.until(t, `document.querySelector(".detail pre").textContent.includes("onerror=alert(1)")`)
	p.click(t, "#tab-table")
	p.until(t, `document.querySelector(".keys tbody th").textContent === "<script>document.title='owned'</script>"`)
	p.until(t, `[...document.querySelectorAll(".keys thead th")].some((th) => th.textContent === "__proto__")`)
	p.click(t, "#tab-code")
	p.until(t, `document.querySelector(".code pre").textContent.startsWith("curl -N 'http://127.0.0.1:")`)
	call.End(status.Error(codes.NotFound, "<b>gone</b>"))
	p.until(t, `document.querySelector("#state").dataset.state === "ended" && document.querySelector("#verdict").textContent.includes("NOT_FOUND <b>gone</b>")`)
	p.until(t, `document.querySelector("#last-id").textContent === "grpc-end"`)
	p.until(t, `document.title === "/nasty.v1.Nasty/Watch – grpcsse console" && !document.querySelector("main script, main img, main b > i") && ({}).text === undefined`)

	// The link has the state of the form, and opens no stream by itself.
	link := worth[string](t, p, `location.href`)
	p.navigate(t, "about:blank")
	p.navigate(t, link)
	p.until(t, `document.querySelector("#target")?.textContent.includes("text=%3Cb%3E%26x%3D1") && document.querySelector("#state").dataset.state === "idle"`)
	p.click(t, "#home")
	p.until(t, `document.querySelectorAll(".charts figure").length === 5 && document.querySelector(".panels").textContent.includes("Ends by reason")`)
}

// The page of the listener for administrators asks for the token, and opens streams through this listener.
func TestTheConsoleOfTheAdminListenerInFirefox(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- market.NewServer(slog.New(slog.DiscardHandler), 1).Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); <-ended })
	dir := t.TempDir()
	file := filepath.Join(dir, "grpcsse.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("correct-horse-battery"), 0o600))
	require.NoError(t, os.WriteFile(file, []byte(`
server: {listen: "127.0.0.1:0", hosts: [app.example.org], admin: {listen: "127.0.0.1:0", token_file: token}}
upstreams: {market: {target: "`+listener.Addr().String()+`"}}
routes: [{name: quotes, path: "/quotes/{symbol}", rpc: demo.market.v1.MarketService/WatchQuotes, event: {id: sequence}}]
`), 0o600))
	admin := "http://" + startServe(t, "--config", file, "--strict")(`listener=admin address=(\S+)`)
	p := startIn(t, "Firefox")(t, admin+"/-/console/#/route?"+url.Values{"id": {"GET /quotes/{symbol}"}, "p.symbol": {"AAPL"}}.Encode())
	enter := func(token string) {
		p.until(t, `document.querySelector("dialog[open] input")`)
		p.evaluate(t, `(() => { const d = document.querySelector("dialog"); d.querySelector("input").value = "`+token+`"; d.querySelector("button").click(); })()`)
	}
	enter("wrong-horse")
	p.until(t, `document.querySelector("dialog[open] p")?.textContent === "This token was refused."`)
	enter("correct-horse-battery")
	p.until(t, `document.querySelector("#go") && document.querySelector("#target").textContent === "/quotes/AAPL"`)
	p.click(t, "#go")
	p.until(t, `document.querySelectorAll(".events li").length > 0 && Number(document.querySelector("#last-id").textContent) > 0`)
	p.until(t, `document.querySelector("#state").dataset.state === "open"`)
	p.click(t, "#go")
	p.until(t, `document.querySelector("#state").dataset.state === "stopped"`)
	p.click(t, "#home")
	p.until(t, `document.querySelectorAll(".charts figure").length === 5`)
	assert.True(t, worth[bool](t, p, `localStorage.length + sessionStorage.length === 0 && document.cookie === "" && !location.href.includes("horse")`))
}

// A public address has no console, and neither has a program with a file.
func TestThePublicListenerHasNoConsole(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	dir := t.TempDir()
	file := filepath.Join(dir, "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("server: {listen: \"127.0.0.1:0\"}\nupstreams: {market: {target: \"127.0.0.1:1\"}}\n"), 0o600))
	for _, args := range [][]string{{"--upstream", "127.0.0.1:1", "--listen", "0.0.0.0:0"}, {"--config", file}} {
		address := startServe(t, args...)(`msg=listening address=(\S+)`)
		for _, path := range []string{"/", "/-/console/", "/-/console/api/routes"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+address[strings.LastIndex(address, ":")+1:]+path, nil)
			require.NoError(t, err)
			answer, err := client.Do(request)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			assert.Contains(t, []int{http.StatusNotFound, http.StatusServiceUnavailable}, answer.StatusCode, "%v %s", args, path)
			assert.NotContains(t, answer.Header.Get("Content-Type"), "html")
		}
	}
}
