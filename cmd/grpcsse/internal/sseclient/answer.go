package sseclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
)

const (
	eventStream  = "text/event-stream"
	maxBodyBytes = 64 << 10 // of an answer that is no stream
	bodyTimeout  = time.Second
	shownBytes   = 200 // of a text of the server in an error
)

// ErrNoContent says that a server answered with 204: an EventSource stops for ever, in good order.
var ErrNoContent = errors.New("the server says that there is no more (204), so an EventSource stops here")

// Refusal is an answer after which an EventSource stops for ever, other than 204.
type Refusal struct {
	Status      int
	ContentType string
	GRPC        *Status // nil where the server gives no gRPC status
	Text        string  // the beginning of the body
	plainToTLS  bool
}

// Error implements error. What it says is printable.
func (e *Refusal) Error() string {
	switch {
	case e.Status == http.StatusOK:
		return fmt.Sprintf("expected Content-Type %s, found %s: an EventSource stops for ever",
			eventStream, quotedOrNone(e.ContentType))
	case e.GRPC != nil:
		return fmt.Sprintf("the server answered %d (%s): an EventSource stops for ever", e.Status, e.GRPC)
	case e.Text != "" && strings.HasPrefix(e.ContentType, "text/plain"):
		return fmt.Sprintf("the server answered %d (%s): an EventSource stops for ever", e.Status, printable.Short(e.Text, shownBytes))
	}
	return fmt.Sprintf("the server answered %d %s: an EventSource stops for ever", e.Status, http.StatusText(e.Status))
}

// Hint says what may help, or nothing.
func (e *Refusal) Hint() string {
	switch {
	case e.plainToTLS:
		return "the server speaks TLS there: try https:// instead of http://"
	case e.Status == http.StatusUnauthorized:
		return `give credentials with -H "Authorization: Bearer …", or a header of your own`
	case e.Status == http.StatusNotFound:
		return "is the path in the URL right?"
	case e.Status == http.StatusOK:
		return "is the path in the URL right? It gives a document, not a stream"
	}
	return ""
}

// ExitCode returns that of the gRPC status, or 1 where there is none.
func (e *Refusal) ExitCode() int {
	if e.GRPC == nil {
		return 1
	}
	return e.GRPC.ExitCode()
}

func quotedOrNone(text string) string {
	if text == "" {
		return "none"
	}
	return printable.Short(text, shownBytes)
}

// IsStream reports whether an EventSource would take a Content-Type for a stream.
func IsStream(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return kind == eventStream && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// Check returns nil where an EventSource would take the answer for a stream, [ErrNoContent], or a [Refusal]. Where it
// returns an error, it has read some of the body.
func Check(response *http.Response) error {
	contentType := response.Header.Get("Content-Type")
	if response.StatusCode == http.StatusOK && IsStream(contentType) {
		return nil
	}
	if response.StatusCode == http.StatusNoContent {
		return ErrNoContent
	}
	refusal := &Refusal{Status: response.StatusCode, ContentType: contentType}
	if response.StatusCode == http.StatusOK {
		return refusal // the body may be endless, and slow
	}
	late := time.AfterFunc(bodyTimeout, func() { _ = response.Body.Close() })
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBodyBytes)) // what there is of it is good enough
	late.Stop()
	refusal.Text = strings.TrimSpace(string(body))
	refusal.plainToTLS = response.StatusCode == http.StatusBadRequest && response.Request.URL.Scheme == "http" &&
		(strings.Contains(refusal.Text, "HTTPS server") || strings.Contains(refusal.Text, "HTTPS port"))
	var status Status
	if json.Unmarshal(body, &status) == nil && status.Name != "" && status.Code != 0 {
		refusal.GRPC = &status
	} else if code, err := strconv.Atoi(response.Header.Get("Grpc-Status")); err == nil && code > 0 {
		refusal.GRPC = &Status{Code: code}
	}
	return refusal
}

// Status is how a gRPC stream ended: the data of the event grpc-status.
type Status struct {
	Code    int    `json:"code"`
	Name    string `json:"status"`
	Message string `json:"message"`
	Retry   bool   `json:"retry"` // an EventSource should come back
	Reason  string `json:"reason"`
}

// String returns the status as people write it, without what a terminal would act on.
func (s *Status) String() string {
	text := printable.Short(s.Name, shownBytes)
	if text == "" {
		text = "gRPC status " + strconv.Itoa(s.Code)
	}
	if s.Message != "" {
		text += ": " + printable.Short(s.Message, shownBytes)
	}
	return text
}

// ExitCode returns 64 and the code of the status, as grpcurl does. A status that gRPC does not have counts as UNKNOWN.
func (s *Status) ExitCode() int {
	const base, unknown, last = 64, 2, 16
	if s.Code < 0 || s.Code > last {
		return base + unknown
	}
	return base + s.Code
}

// StatusOf returns the gRPC status in an event, or nil where it has none.
func StatusOf(e Event) *Status {
	var status Status
	if e.Name != "grpc-status" || json.Unmarshal([]byte(e.Data), &status) != nil || status.Code < 0 {
		return nil
	}
	return &status
}
