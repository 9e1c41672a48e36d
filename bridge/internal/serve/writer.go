package serve

import (
	"fmt"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// checkWriter returns an answer where w supports no flushing or no write deadlines, and nil otherwise. Without flushing, events
// would be delayed; without write deadlines, a client that stalls could not be cut off. checkWriter writes nothing.
func (h *Handler) checkWriter(w http.ResponseWriter) *ending.Ending {
	missing := ""
	switch blocking := withoutFlush(w); {
	case blocking != nil:
		missing = fmt.Sprintf("%T has no method Flush, and no Unwrap that leads to one", blocking)
	case http.NewResponseController(w).SetWriteDeadline(time.Time{}) != nil:
		missing = fmt.Sprintf("%T takes no write deadline, and no Unwrap leads to one that does", w)
	default:
		return nil
	}
	h.warn.once("writer", missing, "no stream can be served through this http.ResponseWriter", "because", missing)
	return ending.NotAStream(http.StatusInternalServerError, ending.Internal,
		"no stream can be served through the http.ResponseWriter: "+missing+
			"; serve the bridge without the middleware that wraps it, such as http.TimeoutHandler, or see http.ResponseController")
}

// withoutFlush returns nil where w can flush, and otherwise the innermost writer, which lacks both Flush and Unwrap. It looks
// for the same methods as [http.ResponseController], which can be asked only by flushing.
func withoutFlush(w http.ResponseWriter) http.ResponseWriter {
	for {
		switch w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return nil
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}
