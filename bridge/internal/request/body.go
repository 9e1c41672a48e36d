package request

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// BodyLimits bound a body and the time that it may take.
type BodyLimits struct {
	Bytes int64
	Time  time.Duration
}

// Input collects what of a request is bound.
func (c *Request) Input(w http.ResponseWriter, variables []string, limits BodyLimits) (bind.Input, *ending.Ending) {
	in := bind.Input{
		Variables:      variables,
		RawQuery:       c.r.URL.RawQuery,
		LastEventID:    c.Cursor.Value,
		HasLastEventID: c.Cursor.Valid,
		Reference:      c.Head.Reference,
	}
	if c.r.Method != http.MethodPost {
		return in, nil
	}
	body, end := c.readBody(w, limits)
	in.Body, in.HasBody = body, true
	return in, end
}

// readBody returns the JSON body of a POST, which may take so long. It is read to its end, or the connection is given up: net/http notices that a
// client has left only after that. The read deadline is taken back before the stream begins, whose context it would end.
func (c *Request) readBody(w http.ResponseWriter, limits BodyLimits) ([]byte, *ending.Ending) {
	if !c.HasBody() {
		return nil, nil
	}
	mediaType, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, ending.NotAStream(http.StatusUnsupportedMediaType, ending.InvalidArgument, "expected a body with Content-Type: application/json")
	}
	c.bodyRead = true
	deadline := http.NewResponseController(w)
	if err := deadline.SetReadDeadline(time.Now().Add(limits.Time)); err != nil {
		end := ending.Refuse(ending.Internal, ending.ByRequest, "the server cannot read bodies")
		end.Cause = err
		return nil, end
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, c.r.Body, limits.Bytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, ending.NotAStream(http.StatusRequestEntityTooLarge, ending.InvalidArgument, "the body is too large")
	case err != nil:
		return nil, ending.NotAStream(http.StatusBadRequest, ending.InvalidArgument, "the body did not arrive whole, or not in time")
	}
	if err := deadline.SetReadDeadline(time.Time{}); err != nil {
		return nil, ending.Refuse(ending.Unavailable, ending.ByRequest, "the connection broke")
	}
	return body, nil
}

// bodyPatience is how long a connection whose request is refused may go on sending its body.
const bodyPatience = 5 * time.Second

// LeaveBody keeps a body that nobody reads from holding up the answer, and then the connection: net/http waits for the rest
// of it, and it may never come. It is for requests that get no stream, which a read deadline would end. A body that was read,
// or tried, has its deadline already.
func (c *Request) LeaveBody(w http.ResponseWriter) {
	if c.bodyRead || c.r.ProtoMajor != 1 || c.r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience)) // the server's own time-outs are left
}
