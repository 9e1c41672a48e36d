package app_test

import (
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where a page or a browser lacks what the script needs, a subscription does what an EventSource would do, and says so once.
func takeBadInput(t *testing.T, b *scriptBrowser) {
	for name, run := range map[string]func(t *testing.T, b *scriptBrowser, s *scriptSite){
		"the URL is no stream":              findNoStream,
		"data is no JSON":                   takeText,
		"the storage is full":               fillTheStorage,
		"there is no storage":               forbidTheStorage,
		"there are no Web Locks":            takeLocksAway,
		"the page has no origin of its own": sandboxThePage,
	} {
		t.Run(name, func(t *testing.T) {
			s := startScriptSite(t)
			b.fresh(t, s)
			run(t, b, s)
		})
	}
}

// warned requires that the page was told of one thing, once.
func (b *scriptBrowser) warned(t *testing.T, of string) {
	t.Helper()
	warnings := worth[[]string](t, b.browserPage, "warnings")
	require.Len(t, warnings, 1)
	assert.Regexp(t, "^grpcsse: "+of, warnings[0])
}

func findNoStream(t *testing.T, b *scriptBrowser, s *scriptSite) {
	s.breaks(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>This is a page.")
	})
	b.listen(t, "/tape", "{}")
	b.until(t, `over === "Error: HTTP 200: text/html" && end.reason === "http" && !end.retry`)
	assert.Equal(t, []string{"ended http"}, b.states(t))
	assert.EqualValues(t, 1, s.asked.Load())
}

func takeText(t *testing.T, b *scriptBrowser, s *scriptSite) {
	s.breaks(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: plain\n\ndata: {\"n\":\ndata: 1}\n\ndata: {\"n\":2}\n\ndata: null\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	require.True(t, worth[bool](t, b.browserPage, `(() => {
		window.got = [];
		window.sub = subscribe("/tape");
		sub.addEventListener("message", (e) => got.push(JSON.stringify(e.data)));
		return true;
	})()`))
	b.until(t, "got.length === 4")
	assert.Equal(t, []string{`"plain"`, `{"n":1}`, `{"n":2}`, "null"}, worth[[]string](t, b.browserPage, "got"))
	assert.Equal(t, "live", worth[string](t, b.browserPage, "sub.state"))
	b.warned(t, "data SyntaxError: ")
}

// resuming requires that a page without a place to keep gets its events, and says why it has none.
func resuming(t *testing.T, b *scriptBrowser, s *scriptSite, warning string) {
	t.Helper()
	b.listen(t, "/tape", `{resume: {key: "tape"}}, true`)
	b.more(t, 20)
	s.restart(t)
	b.told(t, "reconnecting network")
	b.more(t, 20)
	assert.Equal(t, "", worth[string](t, b.browserPage, "over"))
	b.warned(t, warning)
}

func fillTheStorage(t *testing.T, b *scriptBrowser, s *scriptSite) {
	require.True(t, worth[bool](t, b.browserPage, `(() => {
		for (let size = 1 << 23, i = 0; size >= 1; i++) {
			try { sessionStorage.setItem("x" + i, "x".repeat(size)); } catch { size /= 2; }
		}
		return true;
	})()`))
	resuming(t, b, s, "resume (QuotaExceededError|NS_ERROR_DOM_QUOTA_REACHED)")
}

func forbidTheStorage(t *testing.T, b *scriptBrowser, s *scriptSite) {
	require.True(t, worth[bool](t, b.browserPage, `(() => {
		Object.defineProperty(window, "sessionStorage", {get() { throw new DOMException("forbidden", "SecurityError"); }});
		return true;
	})()`))
	resuming(t, b, s, "resume SecurityError")
}

func takeLocksAway(t *testing.T, b *scriptBrowser, s *scriptSite) {
	require.True(t, worth[bool](t, b.browserPage, `Object.defineProperty(navigator, "locks", {value: undefined}) === navigator`))
	b.listen(t, "/tape", "{tabs: true}")
	b.more(t, 20)
	s.restart(t)
	b.told(t, "reconnecting network")
	b.more(t, 20)
	b.warned(t, "tabs TypeError")
}

// sandboxThePage has a page in a frame that may run scripts and no more. It has neither locks nor a storage.
func sandboxThePage(t *testing.T, b *scriptBrowser, s *scriptSite) {
	s.breaks(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		for n := 1; r.Context().Err() == nil; n++ {
			_, _ = io.WriteString(w, "data: {\"n\":"+strconv.Itoa(n)+"}\nid: "+strconv.Itoa(n)+"\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(beat):
			}
		}
	})
	require.True(t, worth[bool](t, b.browserPage, `(() => {
		window.ids = []; window.resets = [];
		onmessage = ({data}) => (data.warning ? warnings : ids).push(data.warning ?? data.n);
		const frame = document.createElement("iframe");
		frame.sandbox = "allow-scripts";
		frame.srcdoc = '<script type="module">' +
			'import {subscribe} from "' + location.origin + '/grpcsse.js";' +
			'console.warn = (...words) => parent.postMessage({warning: words.join(" ")}, "*");' +
			'const sub = subscribe("' + location.origin + '/tape", {tabs: true, resume: {}});' +
			'for await (const {data, id} of sub) { sub.commit(id); parent.postMessage({n: data.n}, "*"); }' +
			'</' + 'script>';
		document.body.append(frame);
		return true;
	})()`))
	b.more(t, 20)
	assert.EqualValues(t, 1, s.asked.Load())
	warnings := worth[[]string](t, b.browserPage, "warnings.sort()")
	require.Len(t, warnings, 2)
	assert.Contains(t, warnings[0], "grpcsse: resume SecurityError")
	assert.Contains(t, warnings[1], "grpcsse: tabs SecurityError")
}
