package app_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/app"
)

// copied presses a button that copies, and returns the text.
func copied(t *testing.T, p *browserPage, button string) string {
	t.Helper()
	p.until(t, `document.querySelector("`+button+`")`)
	worth[bool](t, p, `(navigator.clipboard.writeText = async (text) => { window.copied = text; }) && true`)
	p.click(t, button)
	p.until(t, `document.querySelector("`+button+`").textContent === "Copied" && window.copied`)
	return worth[string](t, p, `(() => { const text = window.copied; window.copied = ""; return text; })()`)
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

// runCode runs copied code of a page, which logs what it gets, and returns before it is done.
func runCode(t *testing.T, p *browserPage, code string) {
	t.Helper()
	p.evaluate(t, `(() => {
		window.logged = [];
		console.log = (...words) => logged.push(...words);
		(async () => {`+code+`})().catch((e) => logged.push({ thrown: String(e) }));
		return true;
	})()`)
}

// What the page copies works: the command line, the code of a page, the configuration file, and the link.
func TestWhatTheConsoleCopiesWorks(t *testing.T) {
	inEachBrowser(t, func(t *testing.T, open opener) {
		up, page := startNasty(t)
		p := openRoute(t, open, page+"-/console/", "GET /nasty.v1.Nasty/Watch")
		set(t, p, "text", `it's "$HOME" & more`)
		set(t, p, "words", "a\nb c")
		const request = `{"text": "it's \"$HOME\" & more", "words": ["a", "b c"]}`
		p.click(t, "#tab-code")
		runCurl(t, up, copied(t, p, "[aria-label='Copy curl']"), request)

		runCode(t, p, copied(t, p, "[aria-label='Copy EventSource']"))
		call := up.NextCall("Watch")
		call.ExpectRequest(request)
		call.SendJSON(`{"text": "for a page"}`)
		p.until(t, `window.logged.some((word) => word?.text === "for a page")`)
		call.End(status.Error(codes.NotFound, "no more"))
		p.until(t, `window.logged.some((word) => word?.status === "NOT_FOUND")`)

		file := filepath.Join(t.TempDir(), "grpcsse.yaml")
		require.NoError(t, os.WriteFile(file, []byte(copied(t, p, "[aria-label='Copy YAML']")), 0o600))
		var out, complaints bytes.Buffer
		code := app.Main(t.Context(), []string{"check", file}, &out, &complaints)
		assert.Zero(t, code, "%s%s", &out, &complaints)

		other := open(t, copied(t, p, "#link"))
		other.until(t, `document.querySelector("#target")?.textContent === `+fmt.Sprintf("%q", worth[string](t, p, `document.querySelector("#target").textContent`)))
		assert.Equal(t, "idle", worth[string](t, other, `document.querySelector("#state").dataset.state`), "a link opens no stream")
	})
}

// A route with a body: the form has a document, which is sent once. So do the command line and the code for a page.
func TestTheConsoleSendsABody(t *testing.T) {
	inEachBrowser(t, func(t *testing.T, open opener) {
		up, page := startNastyRoutes(t, `
  - {path: "/post/{text}", rpc: nasty.v1.Nasty/Watch, methods: [POST], body: "*"}`)
		p := openRoute(t, open, page, "POST /post/{text}", "Failed to load resource") // a GET of the route, below, and its icon
		p.until(t, `JSON.parse(document.querySelector("#body").value).level === "LEVEL_UNSPECIFIED"`)
		set(t, p, "text", "x")
		set(t, p, "body", `{"labels": `)
		p.click(t, "#go")
		p.until(t, `document.activeElement.id === "body" && document.querySelector("#body-fault").textContent !== ""`)
		set(t, p, "body", `{"labels": {"it's": "<b>"}, "filters": [{"least": "3"}]}`)
		const request = `{"text": "x", "labels": {"it's": "<b>"}, "filters": [{"least": "3"}]}`
		p.click(t, "#go")
		call := up.NextCall("Watch")
		call.ExpectRequest(request)
		call.SendJSON(`{"text": "one"}`)
		p.until(t, `document.querySelectorAll(".events li").length === 1`)
		call.End(nil)
		p.until(t, `document.querySelector("#state").dataset.state === "ended" && document.querySelector("#verdict").textContent.startsWith("OK")`)
		p.click(t, "#tab-code")
		p.until(t, `document.querySelector(".code").textContent.includes("An EventSource sends only GET requests")`)
		runCurl(t, up, copied(t, p, "[aria-label='Copy curl']"), request)
		code, link := copied(t, p, "[aria-label='Copy fetch']"), copied(t, p, "#link")

		// The link has the document, and is a link to the same form.
		p.navigate(t, "about:blank")
		p.navigate(t, link)
		p.until(t, `document.querySelector("#body")?.value.includes("it's")`)

		// A page of the public listener runs the code. It may be any document there, since the code names the whole URL.
		p.navigate(t, publicOrigin(t, code)+"/post/x")
		runCode(t, p, code)
		call = up.NextCall("Watch")
		call.ExpectRequest(request)
		call.SendJSON(`{"text": "for a page"}`)
		p.until(t, `window.logged[0] === "message" && window.logged[1].text === "for a page"`)
		call.SendJSON(`{"text": "two"}`, `{"text": "three"}`)
		call.End(status.Error(codes.NotFound, "no more"))
		p.until(t, `window.logged.length >= 8 && window.logged[5].text === "three" && window.logged[6] === "grpc-status" && window.logged[7].status === "NOT_FOUND"`)
	})
}

// publicOrigin returns the origin of the URL in copied code.
func publicOrigin(t *testing.T, code string) string {
	t.Helper()
	found := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(code)
	require.NotEmpty(t, found, "%s", code)
	return found
}

// A stream that the server ends for a while comes back with its last id. One that is closed stays closed.
func TestTheConsoleComesBack(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	up, page := startNastyRoutes(t, `
  - {path: /ids, rpc: nasty.v1.Nasty/Watch, event: {id: text}, request: {set: {constructor: "${header.last-event-id:-none}"}}, status: {NOT_FOUND: reconnect}}`)
	p := openRoute(t, startIn(t, "Chromium"), page, "GET /ids")
	p.click(t, "#go")
	call := up.NextCall("Watch")
	call.SendJSON(`{"text": "41"}`, `{"text": "42"}`)
	p.until(t, `document.querySelector("#last-id").textContent === "42"`)
	call.End(status.Error(codes.NotFound, "later"))
	p.until(t, `document.querySelector("#verdict").textContent.includes("the browser comes back")`)
	again := up.NextCall("Watch")
	again.ExpectRequest(`{"constructor": "42"}`)
	p.until(t, `document.querySelector("#state").dataset.state === "open" && document.querySelector("#word").textContent === "connection 2" && document.querySelector("#verdict").hidden`)
	again.SendJSON(`{"text": "43"}`)
	p.until(t, `document.querySelector("#count").textContent === "3" && document.querySelectorAll(".events .own").length === 2`)
	p.click(t, "#go")
	again.ExpectCancel()
	p.until(t, `document.querySelector("#state").dataset.state === "stopped" && document.querySelector("#go").textContent === "Open the stream"`)
}
