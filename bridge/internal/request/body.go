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

// BodyLimits bound the body of a request.
type BodyLimits struct {
	Bytes int64         // size of the body
	Time  time.Duration // from the beginning of reading to the end of the body
}

// Input returns what the request message is made from. variables are the values of the path's variables. Input reads the body
// of a POST, and returns the answer where the body cannot be read. The Cause of that answer is set where the server is at
// fault.
func (r *Request) Input(w http.ResponseWriter, variables []string, limits BodyLimits) (bind.Input, *ending.Ending) {
	in := bind.Input{
		Variables:      variables,
		RawQuery:       r.HTTP.URL.RawQuery,
		LastEventID:    r.Cursor.Value,
		HasLastEventID: r.Cursor.Valid,
		Reference:      r.Head.Reference,
	}
	if r.HTTP.Method != http.MethodPost {
		return in, nil
	}
	body, end := r.readBody(w, limits)
	in.Body, in.HasBody = body, true
	return in, end
}

// readBody returns the JSON body of a POST. It reads the body to its end, or else no stream begins: net/http notices that a
// client has left only after the whole body was read. readBody removes the read deadline afterwards, because a read deadline
// that passes during the stream ends the context of the request.
func (r *Request) readBody(w http.ResponseWriter, limits BodyLimits) ([]byte, *ending.Ending) {
	if !r.HasBody() {
		return nil, nil
	}
	mediaType, _, err := mime.ParseMediaType(r.HTTP.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, badBody(http.StatusUnsupportedMediaType, "expected a body with Content-Type: application/json")
	}
	r.bodyRead = true
	deadline := http.NewResponseController(w)
	if err := deadline.SetReadDeadline(time.Now().Add(limits.Time)); err != nil {
		end := ending.Refuse(ending.Internal, ending.ByRequest, "the server cannot read bodies")
		end.Cause = err
		return nil, end
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.HTTP.Body, limits.Bytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, badBody(http.StatusRequestEntityTooLarge, "the body is too large")
	case err != nil:
		return nil, badBody(http.StatusBadRequest, "the body did not arrive whole, or not in time")
	}
	if err := deadline.SetReadDeadline(time.Time{}); err != nil {
		return nil, ending.Refuse(ending.Unavailable, ending.ByRequest, "the connection broke")
	}
	return body, nil
}

func badBody(httpStatus int, message string) *ending.Ending {
	return ending.NotAStream(httpStatus, ending.InvalidArgument, message)
}

// bodyPatience is how long the client of a refused request may go on sending its body.
const bodyPatience = 5 * time.Second

// LeaveBody is called before the answer to a request that gets no stream. It bounds how long net/http waits for the rest of a
// body that was not read: the rest may never come, and meanwhile the answer and the connection would be held up. Where reading
// the body has begun, its deadline is set already.
func (r *Request) LeaveBody(w http.ResponseWriter) {
	if r.bodyRead || r.HTTP.ProtoMajor != 1 || r.HTTP.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	// Where w takes no deadline, the time-outs of the server still hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience))
}
