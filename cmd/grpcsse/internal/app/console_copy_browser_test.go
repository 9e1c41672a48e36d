package app_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/app"
)

// copied presses a button that copies, and returns the text.
func copied(t *testing.T, tab context.Context, button string) string {
	t.Helper()
	eventually(t, tab, `document.querySelector("`+button+`")`)
	evaluate[bool](t, tab, `(navigator.clipboard.writeText = async (text) => { window.copied = text; }) && true`)
	click(t, tab, button)
	eventually(t, tab, `document.querySelector("`+button+`").textContent === "Copied" && window.copied`)
	return evaluate[string](t, tab, `(() => { const text = window.copied; window.copied = ""; return text; })()`)
}

// runCurl runs a copied command line against the bridge, with a stream that has one event.
func runCurl(t *testing.T, up *bridgetest.Upstream, line, request string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		require.Empty(t, os.Getenv("GRPCSSE_REQUIRE_BROWSER"), "there is no curl on this machine")
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out bytes.Buffer
	command := exec.CommandContext(ctx, "sh", "-c", line+" -s")
	command.Stdout, command.Stderr = &out, &out
	require.NoError(t, command.Start())
	call := up.NextCall("Watch")
	call.ExpectRequest(request)
	call.SendJSON(`{"text": "for curl"}`)
	call.End(nil)
	require.NoError(t, command.Wait(), "%s\n%s", line, out.String())
	assert.Contains(t, out.String(), `"text":"for curl"`, line)
	assert.Contains(t, out.String(), "event: grpc-status")
}

// What the page copies works: the command line, the code of a page, the configuration file, and the link.
func TestWhatTheConsoleCopiesWorks(t *testing.T) {
	runsOnce(t)
	browser := startBrowser(t)
	up, page := startNasty(t)
	tab := openRoute(t, browser, page+"-/console/", "GET /nasty.v1.Nasty/Watch")
	set(t, tab, "text", `it's "$HOME" & more`)
	set(t, tab, "words", "a\nb c")
	const request = `{"text": "it's \"$HOME\" & more", "words": ["a", "b c"]}`
	click(t, tab, "#tab-code")
	runCurl(t, up, copied(t, tab, "[aria-label='Copy curl']"), request)

	code := copied(t, tab, "[aria-label='Copy EventSource']")
	_, err := chromedp.Run(tab, chromedp.Evaluate[bool](`window.logged = []; console.log = (...words) => logged.push(...words); (() => {`+code+`})(); true`))
	require.NoError(t, err)
	call := up.NextCall("Watch")
	call.ExpectRequest(request)
	call.SendJSON(`{"text": "for a page"}`)
	eventually(t, tab, `window.logged.some((word) => word?.text === "for a page")`)
	call.End(status.Error(codes.NotFound, "no more"))
	eventually(t, tab, `window.logged.some((word) => word?.status === "NOT_FOUND")`)

	file := filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(copied(t, tab, "[aria-label='Copy YAML']")), 0o600))
	var out, complaints bytes.Buffer
	code0 := app.Main(t.Context(), []string{"check", file}, &out, &complaints)
	assert.Zero(t, code0, "%s%s", &out, &complaints)

	other, closeOther := openTab(t, browser, copied(t, tab, "#link"))
	defer closeOther()
	eventually(t, other, `document.querySelector("#target")?.textContent === `+fmt.Sprintf("%q", evaluate[string](t, tab, `document.querySelector("#target").textContent`)))
	assert.Equal(t, "idle", evaluate[string](t, other, `document.querySelector("#state").dataset.state`), "a link opens no stream")
}

// A route with a body: the form has a document, which is sent once.
func TestTheConsoleSendsABody(t *testing.T) {
	browser := startBrowser(t)
	up, page := startNastyRoutes(t, `
  - {path: "/post/{text}", rpc: nasty.v1.Nasty/Watch, methods: [POST], body: "*"}`)
	tab := openRoute(t, browser, page, "POST /post/{text}")
	eventually(t, tab, `JSON.parse(document.querySelector("#body").value).level === "LEVEL_UNSPECIFIED"`)
	set(t, tab, "text", "x")
	set(t, tab, "body", `{"labels": `)
	click(t, tab, "#go")
	eventually(t, tab, `document.activeElement.id === "body" && document.querySelector("#body-fault").textContent !== ""`)
	set(t, tab, "body", `{"labels": {"it's": "<b>"}, "filters": [{"least": "3"}]}`)
	const request = `{"text": "x", "labels": {"it's": "<b>"}, "filters": [{"least": "3"}]}`
	click(t, tab, "#go")
	call := up.NextCall("Watch")
	call.ExpectRequest(request)
	call.SendJSON(`{"text": "one"}`)
	eventually(t, tab, `document.querySelectorAll(".events li").length === 1`)
	call.End(nil)
	eventually(t, tab, `document.querySelector("#state").dataset.state === "ended" && document.querySelector("#verdict").textContent.startsWith("OK")`)
	click(t, tab, "#tab-code")
	eventually(t, tab, `document.querySelector(".code").textContent.includes("An EventSource sends only GET requests")`)
	runCurl(t, up, copied(t, tab, "[aria-label='Copy curl']"), request)

	// The link has the document, and is a link to the same form.
	link := copied(t, tab, "#link")
	other, closeOther := openTab(t, browser, link)
	defer closeOther()
	eventually(t, other, `document.querySelector("#body")?.value.includes("it's")`)
}

// A stream that the server ends for a while comes back with its last id. One that is closed stays closed.
func TestTheConsoleComesBack(t *testing.T) {
	runsOnce(t)
	browser := startBrowser(t)
	up, page := startNastyRoutes(t, `
  - {path: /ids, rpc: nasty.v1.Nasty/Watch, event: {id: text}, request: {set: {constructor: "${header.last-event-id:-none}"}}, status: {NOT_FOUND: reconnect}}`)
	tab := openRoute(t, browser, page, "GET /ids")
	click(t, tab, "#go")
	call := up.NextCall("Watch")
	call.SendJSON(`{"text": "41"}`, `{"text": "42"}`)
	eventually(t, tab, `document.querySelector("#last-id").textContent === "42"`)
	call.End(status.Error(codes.NotFound, "later"))
	eventually(t, tab, `document.querySelector("#verdict").textContent.includes("the browser comes back")`)
	again := up.NextCall("Watch")
	again.ExpectRequest(`{"constructor": "42"}`)
	eventually(t, tab, `document.querySelector("#state").dataset.state === "open" && document.querySelector("#word").textContent === "connection 2" && document.querySelector("#verdict").hidden`)
	again.SendJSON(`{"text": "43"}`)
	eventually(t, tab, `document.querySelector("#count").textContent === "3" && document.querySelectorAll(".events .own").length === 2`)
	click(t, tab, "#go")
	again.ExpectCancel()
	eventually(t, tab, `document.querySelector("#state").dataset.state === "stopped" && document.querySelector("#go").textContent === "Open the stream"`)
}
