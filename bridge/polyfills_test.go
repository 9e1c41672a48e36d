package bridge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// pageLibrary is a client of npm that pages use instead of an EventSource.
type pageLibrary struct {
	pkg     string            // the package, which stands with its version in docs/browser.md
	scripts []string          // files that define globals, below the folder of packages
	modules map[string]string // CommonJS modules by their names; "entry" becomes the global `library`
	// open opens /watch/x, and calls note with each event. It is a script.
	open string
	// remedy is what docs/browser.md tells pages to do, as a script that runs after open; "" for nothing.
	remedy string
	// ends is how many requests a stream takes whose connection broke once and that has ended then, with the remedy.
	ends int
	// endless says that the library asks again for ever without the remedy.
	endless bool
}

// withListeners listens to the events of an object like an EventSource.
const withListeners = `for (const name of ["message", "tick", "grpc-status"]) source.addEventListener(name, note);`

func libraries(t *testing.T) map[string]pageLibrary {
	t.Helper()
	page := browserGuide(t)
	return map[string]pageLibrary{
		"event-source-polyfill": {
			pkg: "event-source-polyfill", scripts: []string{"event-source-polyfill/src/eventsource.min.js"},
			open: `source = new EventSourcePolyfill("/watch/x");` + withListeners, ends: 3,
		},
		"eventsource": {
			pkg: "eventsource",
			modules: map[string]string{
				"entry": "eventsource/dist/index.cjs", "eventsource-parser": "eventsource-parser/dist/index.cjs",
			},
			open: `source = new library.EventSource("/watch/x");` + withListeners, ends: 3,
		},
		"reconnecting-eventsource": {
			pkg: "reconnecting-eventsource", scripts: []string{"reconnecting-eventsource/dist/ReconnectingEventSource.min.js"},
			open:   `source = new ReconnectingEventSource("/watch/x", {max_retry_time: 300});` + withListeners,
			remedy: `source.addEventListener("grpc-end", () => source.close());`, ends: 2, endless: true,
		},
		"fetch-event-source": {
			pkg: "@microsoft/fetch-event-source",
			modules: map[string]string{
				"entry":   "@microsoft/fetch-event-source/lib/cjs/fetch.js",
				"./parse": "@microsoft/fetch-event-source/lib/cjs/parse.js",
			},
			open: `const show = () => {};
				const fetchEventSource = (url, options) => library.fetchEventSource("/watch/x", {...options, onmessage(e) {
					if (e.event !== "grpc-end") note({type: e.event || "message", data: e.data, lastEventId: e.id});
					options.onmessage(e);
				}});` + blockWith(t, page, "js", "fetchEventSource("),
			ends: 2,
		},
		"htmx": {
			pkg: "htmx-ext-sse", scripts: []string{"htmx.org/dist/htmx.min.js", "htmx-ext-sse/dist/sse.min.js"},
			open: openHTMX(strings.ReplaceAll(blockWith(t, page, "html", "sse-close"), ` sse-close="grpc-end"`, "")),
			// htmx reads the attribute when an event comes
			remedy: `document.querySelector("[sse-connect]").setAttribute("sse-close", "grpc-end");`, ends: 2, endless: true,
		},
	}
}

// openHTMX returns a script that adds the HTML of the guide to the page. It listens to messages and ticks instead.
func openHTMX(html string) string {
	html = strings.NewReplacer("/jobs/7", "/watch/x", `sse-swap="progress"`, `sse-swap="message,tick,grpc-status"`).Replace(html)
	text, err := json.Marshal(html)
	if err != nil {
		panic(err) // a string
	}
	return `document.body.addEventListener("htmx:sseMessage", (e) => note(e.detail));
		document.body.insertAdjacentHTML("beforeend", ` + string(text) + `);
		REMEDY; htmx.process(document.body);`
}

func browserGuide(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/browser.md")
	require.NoError(t, err)
	return string(page)
}

// blockWith returns the block of a page, in a language, that has some text.
func blockWith(t *testing.T, page, language, text string) string {
	t.Helper()
	for _, block := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if strings.Contains(block[1], text) {
			return block[1]
		}
	}
	require.FailNow(t, "no block", "docs/browser.md has no %s with %q", language, text)
	return ""
}

// nodeModules returns the folder with packages of npm. Without it the test is skipped, or fails if GRPCSSE_REQUIRE_NODE is 1.
func nodeModules(t *testing.T, pkg string) string {
	t.Helper()
	modules := os.Getenv("GRPCSSE_NODE_MODULES")
	_, err := os.Stat(filepath.Join(modules, pkg, "package.json"))
	if modules == "" || err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NODE") == "1" {
			t.Fatalf("GRPCSSE_REQUIRE_NODE is 1, and GRPCSSE_NODE_MODULES, %q, holds no package %s", modules, pkg)
		}
		t.Skipf("skipped: GRPCSSE_NODE_MODULES names no directory that holds the npm package %s", pkg)
	}
	return modules
}

// load returns a script that loads the library.
func (l pageLibrary) load(t *testing.T) string {
	t.Helper()
	modules := nodeModules(t, l.pkg)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(modules, name))
		require.NoError(t, err)
		return string(text)
	}
	var out strings.Builder
	for _, name := range l.scripts {
		out.WriteString(read(name) + "\n;\n")
	}
	if l.modules == nil {
		return out.String()
	}
	out.WriteString("var library = (() => { const made = {}, makers = {")
	for name, file := range l.modules {
		out.WriteString(`"` + name + `": (module, exports, require) => {` + read(file) + "\n},\n")
	}
	out.WriteString(`}; const get = (name) => {
		if (!made[name]) { made[name] = {exports: {}}; makers[name](made[name], made[name].exports, get); }
		return made[name].exports;
	}; return get("entry"); })();`)
	return out.String()
}

// start opens a page that uses the library.
func (l pageLibrary) start(t *testing.T, st *site, remedy bool) *tab {
	t.Helper()
	script := l.load(t) + `;var note = (e) => told.push({
		at: performance.timeOrigin + performance.now(), type: e.type, message: true, data: e.data, id: e.lastEventId ?? "", state: 0});`
	page := openTab(t, st)
	open, after := l.open, ""
	if remedy {
		after = l.remedy
	}
	if strings.Contains(open, "REMEDY") { // before the library looks
		open = strings.ReplaceAll(open, "REMEDY", after)
	} else {
		open += after
	}
	page.do(t, "(0, eval)(%s), true", script)
	page.do(t, "(0, eval)(%s), true", "{"+open+"}")
	return page
}

// thrice sends three events after the cursor, whose names alternate. The stream stays open where it began anew, and ends otherwise.
func thrice(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	first := r.GetAfterSequence() + 1
	for n := first; n < first+3; n++ {
		if err := stream.Send(&streamv1.Event{Sequence: n, Kind: []string{"tick", ""}[n%2]}); err != nil {
			return err
		}
	}
	if first > 1 {
		return nil
	}
	return untilCancelled(r, stream)
}

// The clients that docs/browser.md names get all events, with names and ids, resume after a break, and stop at the end.
func TestBrowserLibrariesResumeAndStop(t *testing.T) {
	t.Parallel()
	for name, l := range libraries(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireTriedVersion(t, l.pkg)
			s := startServer(t, "127.0.0.1:0", thrice)
			st := startSite(t, s, routeFile(`event: {id: sequence, name: kind, retry: `+soon+`}`,
				`request: {set: {after_sequence: "${last_event_id}"}}`, "heartbeat: 20ms"))
			page := l.start(t, st, true)
			page.until(t, "told.length >= 3")
			st.cut(t)
			page.until(t, "told.some((e) => e.type === 'grpc-status')")
			all := page.all(t)
			require.Equal(t, []string{"message", "tick", "message", "tick", "message", "tick", "grpc-status"}, types(all))
			for i, e := range all[:6] {
				assert.EqualValues(t, i+1, e.sequence(t), "no event is lost or repeated")
				assert.Equal(t, jsonOf(i+1), e.ID)
			}
			st.requireVisits(t, l.ends)
			st.requireNoMoreVisits(t, l.ends, longerThanSoon)
		})
	}
}

// What docs/browser.md says about libraries that do not know 204: without the remedy they ask again for ever.
func TestBrowserLibrariesThatNeedARemedyStillNeedIt(t *testing.T) {
	t.Parallel()
	for name, l := range libraries(t) {
		if !l.endless {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "127.0.0.1:0", count(1, nil))
			st := startSite(t, s, routeFile(`event: {id: sequence, retry: `+soon+`}`))
			l.start(t, st, false)
			st.requireVisits(t, 5) // the stream, a 204, and requests that an EventSource does not send
		})
	}
}

// requireTriedVersion checks that the guide names the version of a package that the tests try.
func requireTriedVersion(t *testing.T, pkg string) {
	t.Helper()
	var described struct{ Version string }
	text, err := os.ReadFile(filepath.Join(nodeModules(t, pkg), pkg, "package.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &described))
	assert.Contains(t, browserGuide(t), "`"+pkg+"` "+described.Version)
}
