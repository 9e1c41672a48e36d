package serve

import (
	"bytes"
	"net/http"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// setStreamHeader sets the header of a stream, whose status is 200. end is the ending of a stream that is known to have no
// events, and nil for every other stream.
func setStreamHeader(h http.Header, format request.Format, form frame.Form, end *ending.Ending) {
	h.Set("Content-Type", format.ContentType())
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // otherwise nginx buffers events
	h.Add("Vary", "Accept, Accept-Encoding, Origin")
	if encoding := form.Encoding; encoding != frame.Identity {
		h.Set("Content-Encoding", encoding.String())
	}
	if form.Chunked { // the loop takes the connection over, and serves no other request on it
		h.Set("Connection", "close")
	}
	switch {
	case end != nil:
		h.Set("Grpc-Status", strconv.Itoa(int(end.Code)))
	case format == request.Lines:
		h.Set("Trailer", "Grpc-Status, Grpc-Message")
	}
}

// ofNetHTTP reports whether w is a ResponseWriter of net/http itself, so that no middleware waits for a call of WriteHeader.
func ofNetHTTP(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http"
}

// heads holds the header of a parked stream to which nothing in front of the bridge and no rule of the route adds a field. It is the same
// for all such streams of one encoding within a second, so it is made once. The zero value is ready, and the methods may be called
// concurrently.
type heads [frame.Zstd + 1]atomic.Pointer[headOfSecond]

type headOfSecond struct {
	second int64
	bytes  []byte
}

// of returns the status line and the header of a stream, for w. It returns nil where they are not usual: then setStreamHeader and headOf
// make them. end is as for setStreamHeader. The bytes must not be changed.
func (all *heads) of(w http.ResponseWriter, form frame.Form, end *ending.Ending, now time.Time) []byte {
	if !form.Chunked || end != nil || len(w.Header()) > 0 || !ofNetHTTP(w) {
		return nil
	}
	kept := &all[form.Encoding]
	if h := kept.Load(); h != nil && h.second == now.Unix() {
		return h.bytes
	}
	header := http.Header{}
	setStreamHeader(header, request.EventStream, form, nil)
	made := &headOfSecond{now.Unix(), headOf(header, now)}
	kept.Store(made)
	return made.bytes
}

// headOf returns the status line and the header of a parked stream as net/http would write them, for the loop to write them with
// the first events. A call of the kernel that sends the header alone is a tenth of what it costs to open a stream. Fields about
// the length of the body are left out, because the loop writes chunks.
func headOf(h http.Header, now time.Time) []byte {
	var head bytes.Buffer
	head.Grow(usualHead)
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.WriteSubset(&head, leftOut(h)) // a buffer takes everything
	if _, ok := h["Date"]; !ok {
		head.WriteString("Date: ")
		head.Write(now.UTC().AppendFormat(head.AvailableBuffer(), http.TimeFormat))
		head.WriteString("\r\n")
	}
	head.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	return head.Bytes()
}

// usualHead is how many bytes most headers fit in.
const usualHead = 512

// leftOut returns the fields that net/http would not write in the header of a response in chunks, nil where there are none. Fields
// whose names are invalid, such as those of trailers that are set in advance, are not written in any case.
func leftOut(h http.Header) map[string]bool {
	_, length := h["Content-Length"]
	_, coding := h["Transfer-Encoding"]
	if !length && !coding {
		return nil
	}
	return map[string]bool{"Content-Length": true, "Transfer-Encoding": true}
}
