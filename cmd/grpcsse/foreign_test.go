package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// foreign is a server of streams that is not ours.
type foreign struct{ plain, encrypted, authority string }

func startForeign(t *testing.T) foreign {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>\x1b[2J</html>") })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = fmt.Fprintf(w, "retry: 1000\nid: 1\ndata: \x1b[2Jhello %s\n\nevent: second\ndata: after %s\n\n",
			r.Header.Get("X-Name"), r.Header.Get("Last-Event-ID"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	held := make(chan struct{}, 1)
	mux.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) { // a stream; /held says whether a client has it
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: held\n\n")
		_ = http.NewResponseController(w).Flush()
		held <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/held", func(w http.ResponseWriter, _ *http.Request) {
		if len(held) == 0 {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	plain, encrypted := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	authority := filepath.Join(t.TempDir(), "authority.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return foreign{plain.URL, encrypted.URL, authority}
}
