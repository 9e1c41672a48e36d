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

	"github.com/chromedp/chromedp"
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

// requireTrue waits until an expression is true in a page of any browser.
func requireTrue(t *testing.T, evaluate func(expression string) bool, expression string) {
	t.Helper()
	require.Eventually(t, func() bool { return evaluate(expression) }, patience, 20*time.Millisecond, expression)
}

// What a foreign server says is text for the console, wherever it stands.
func TestTheConsoleShowsANastyServerAsTextInChromium(t *testing.T) {
	browser := startBrowser(t)
	up, page := startNasty(t)
	tab, closeTab := openTab(t, browser, page)
	defer closeTab()
	eventually(t, tab, `document.querySelectorAll("#routes a").length === 1 && location.pathname === "/-/console/"`)
	click(t, tab, "#routes a")
	eventually(t, tab, `document.querySelector(".head .doc")?.textContent.includes("<img src=x onerror=")`)
	eventually(t, tab, `[...document.querySelectorAll(".refused dd")].some((dd) => dd.textContent.includes("a map has no form"))`)
	set(t, tab, "right", "many")
	click(t, tab, "#go")
	eventually(t, tab, `document.activeElement.getAttribute("aria-invalid") === "true" && document.querySelector("#state").dataset.state === "idle"`)
	set(t, tab, "right", "7")
	set(t, tab, "text", "<b>&x=1")
	set(t, tab, "level", "LEVEL_HIGH")
	set(t, tab, "words", "a\nb")
	set(t, tab, "most", "3")
	set(t, tab, "__proto__", "5")
	click(t, tab, "#go")
	call := up.NextCall("Watch")
	call.ExpectRequest(`{"right": 7, "text": "<b>&x=1", "level": "LEVEL_HIGH", "words": ["a", "b"], "filter": {"limits": {"most": 3}}, "__proto__": 5}`)
	event := func(n int) string {
		return fmt.Sprintf(`{"text": "<script>document.title='owned'</script>", "__proto__": "p", "constructor": "<img src=x onerror=alert(1)>",
			"labels": {"__proto__": "%d", "toString": "x"}, "any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}, "f7": %d}`, n, n)
	}
	call.SendJSON(event(1), event(2))
	eventually(t, tab, `document.querySelectorAll(".events li").length === 2 && document.querySelector("#count").textContent === "2"`)
	click(t, tab, "#mode-diff")
	eventually(t, tab, `[...document.querySelectorAll(".events li:first-child .change")].some((c) => c.textContent === "f7 1 → 2")`)
	click(t, tab, "#pause")
	call.SendJSON(event(3))
	eventually(t, tab, `document.querySelector("#count").textContent === "3" && document.querySelectorAll(".events li").length === 2`)
	click(t, tab, "#pause")
	eventually(t, tab, `document.querySelectorAll(".events li").length === 3`)
	click(t, tab, "#mode-raw")
	eventually(t, tab, `document.querySelector(".events .body").textContent.includes("data: {")`)
	click(t, tab, ".events button")
	eventually(t, tab, `document.querySelector(".detail pre").textContent.includes("onerror=alert(1)")`)
	click(t, tab, "#tab-table")
	eventually(t, tab, `document.querySelector(".keys tbody th").textContent === "<script>document.title='owned'</script>"`)
	eventually(t, tab, `[...document.querySelectorAll(".keys thead th")].some((th) => th.textContent === "__proto__")`)
	click(t, tab, "#tab-code")
	eventually(t, tab, `document.querySelector(".code pre").textContent.startsWith("curl -N 'http://127.0.0.1:")`)
	call.End(status.Error(codes.NotFound, "<b>gone</b>"))
	eventually(t, tab, `document.querySelector("#state").dataset.state === "ended" && document.querySelector("#verdict").textContent.includes("NOT_FOUND <b>gone</b>")`)
	eventually(t, tab, `document.querySelector("#last-id").textContent === "grpc-end"`)
	eventually(t, tab, `document.title === "/nasty.v1.Nasty/Watch – grpcsse console" && !document.querySelector("main script, main img, main b > i") && ({}).text === undefined`)

	// The link has the state of the form, and opens no stream by itself.
	link, err := chromedp.Run(tab, chromedp.Evaluate[string](`location.href`))
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate("about:blank"), chromedp.Navigate(link)))
	eventually(t, tab, `document.querySelector("#target")?.textContent.includes("text=%3Cb%3E%26x%3D1") && document.querySelector("#state").dataset.state === "idle"`)
	click(t, tab, "#home")
	eventually(t, tab, `document.querySelectorAll(".charts figure").length === 5 && document.querySelector(".panels").textContent.includes("Ends by reason")`)
}

// The page of the listener for administrators asks for the token, and opens streams through this listener.
func TestTheConsoleOfTheAdminListenerInFirefox(t *testing.T) {
	f := startFirefox(t)
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
	isTrue := func(expression string) bool { return string(f.evaluate(t, "Boolean("+expression+")")) == "true" }

	f.open(t, admin+"/-/console/#/route?"+url.Values{"id": {"GET /quotes/{symbol}"}, "p.symbol": {"AAPL"}}.Encode())
	enter := func(token string) {
		requireTrue(t, isTrue, `document.querySelector("dialog[open] input")`)
		f.evaluate(t, `(() => { const d = document.querySelector("dialog"); d.querySelector("input").value = "`+token+`"; d.querySelector("button").click(); })()`)
	}
	enter("wrong-horse")
	requireTrue(t, isTrue, `document.querySelector("dialog[open] p")?.textContent === "This token was refused."`)
	enter("correct-horse-battery")
	requireTrue(t, isTrue, `document.querySelector("#go") && document.querySelector("#target").textContent === "/quotes/AAPL"`)
	f.evaluate(t, `document.querySelector("#go").click()`)
	requireTrue(t, isTrue, `document.querySelectorAll(".events li").length > 0 && Number(document.querySelector("#last-id").textContent) > 0`)
	requireTrue(t, isTrue, `document.querySelector("#state").dataset.state === "open"`)
	f.evaluate(t, `document.querySelector("#go").click()`)
	requireTrue(t, isTrue, `document.querySelector("#state").dataset.state === "stopped"`)
	f.evaluate(t, `document.querySelector("#home").click()`)
	requireTrue(t, isTrue, `document.querySelectorAll(".charts figure").length === 5`)
	assert.True(t, isTrue(`localStorage.length + sessionStorage.length === 0 && document.cookie === "" && !location.href.includes("horse")`))
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
