package app_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workerScript subscribes, in a dedicated and in a shared worker, and tells its page each id and state.
const workerScript = `
import {subscribe} from "/grpcsse.js";
const serve = async (port) => {
  const sub = subscribe("/tape");
  sub.addEventListener("grpc-state", ({detail: {state, why}}) => port.postMessage({state: state + (why ? " " + why.reason : "")}));
  for await (const {data} of sub) port.postMessage({id: data.n});
};
if ("onconnect" in globalThis) onconnect = ({ports: [port]}) => serve(port);
else serve(globalThis);
`

// forgetfulWorker is a service worker that makes a request of its own of each, without its headers.
const forgetfulWorker = `
self.addEventListener("install", () => skipWaiting());
self.addEventListener("activate", (e) => e.waitUntil(clients.claim()));
self.addEventListener("fetch", (e) => e.respondWith(fetch(e.request.url, {headers: {Accept: "text/event-stream"}})));
`

// serves adds a script to the site.
func (s *scriptSite) serves(path, script string) {
	s.also[path] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, script)
	}
}

// A subscription works in both kinds of workers, and behind a service worker.
func workWithWorkers(t *testing.T, b *scriptBrowser) {
	for name, begin := range map[string]func(t *testing.T, b *scriptBrowser, s *scriptSite){
		"in a worker":             inWorker("new Worker('/worker.js', {type: 'module'})"),
		"in a shared worker":      inWorker("new SharedWorker('/worker.js', {type: 'module'}).port"),
		"behind a service worker": behindServiceWorker,
	} {
		t.Run(name, func(t *testing.T) {
			s := startScriptSite(t)
			s.serves("/worker.js", workerScript)
			s.serves("/service.js", forgetfulWorker)
			b.fresh(t, s)
			begin(t, b, s)
			b.more(t, 20)
			s.restart(t)
			b.told(t, "reconnecting network")
			b.more(t, 20)
		})
	}
}

func inWorker(made string) func(t *testing.T, b *scriptBrowser, s *scriptSite) {
	return func(t *testing.T, b *scriptBrowser, _ *scriptSite) {
		require.True(t, worth[bool](t, b.browserPage, `(() => {
			window.ids = []; window.states = []; window.resets = [];
			window.worker = `+made+`;
			worker.onmessage = ({data: {id, state}}) => id ? ids.push(id) : states.push(state);
			return true;
		})()`))
	}
}

func behindServiceWorker(t *testing.T, b *scriptBrowser, s *scriptSite) {
	var headers atomic.Int64
	next := s.bridge.Load()
	s.breaks(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") != "" || r.Referer() == s.url+"/page" {
			headers.Add(1)
		}
		next.ServeHTTP(w, r)
	})
	b.evaluate(t, `navigator.serviceWorker.register("/service.js") && true`)
	b.until(t, "navigator.serviceWorker.controller !== null")
	b.listen(t, "/tape", "{}")
	t.Cleanup(func() { assert.Zero(t, headers.Load(), "the requests are those of the service worker") })
}
