// Package client has the script with which a page subscribes to the streams of a bridge. The script is built from the TypeScript in
// this folder, and committed, so that a Go program needs no Node.js.
package client

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the script
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Path is where the program serves the script, and where a page expects it.
const Path = "/grpcsse.js"

//go:embed dist/grpcsse.js
var script []byte

// Handler returns a handler that answers GET and HEAD with the script, whatever the path is. The script is an ES module without
// imports, and any origin may load it. A browser asks at each use whether it has changed, and then gets 304 or the new script.
func Handler() http.Handler {
	plain := variant{body: script, tag: tagOf(script)}
	packed := sync.OnceValue(func() variant { return compressed(script) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the script is for GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		answer := plain
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			answer = packed()
			h.Set("Content-Encoding", "gzip")
			r.Header.Del("Range") // a part of a compressed body is of no use
		}
		h.Set("ETag", answer.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(answer.body))
	})
}

// Beside returns a handler that serves the script at [Path], where taken reports false for that path. All other requests go to next.
// taken is called for each request at that path, and concurrently.
func Beside(next http.Handler, taken func(path string) bool) http.Handler {
	script := Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != Path || taken(Path) {
			next.ServeHTTP(w, r)
			return
		}
		script.ServeHTTP(w, r)
	})
}

// variant is one form of the script.
type variant struct {
	body []byte
	tag  string
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

func compressed(body []byte) variant {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is valid, and a buffer takes all
	}
	return variant{body: out.Bytes(), tag: tagOf(out.Bytes())}
}

// acceptsGzip reports whether the values of Accept-Encoding name gzip, without forbidding it.
func acceptsGzip(values []string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(part, ";")
			forbidden := strings.Trim(strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q="), "0.") == "" && weight != ""
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && !forbidden {
				return true
			}
		}
	}
	return false
}
