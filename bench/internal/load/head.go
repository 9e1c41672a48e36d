package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxHead is how many bytes a response's status and headers may have.
const maxHead = 16 << 10

// head is what a response begins with.
type head struct {
	chunked bool // otherwise the body lasts until the connection ends
}

// statusError is an answer that is no stream of events.
type statusError struct {
	code         int
	status, body string
}

func (e *statusError) Error() string { return fmt.Sprintf("answered %s: %s", e.status, e.body) }

// cutHead reads the response's status and headers, which stand at the beginning of p, and returns what follows them. It
// returns a nil head and no error where they are not whole yet, and an error unless a stream of events follows.
func cutHead(p []byte) (*head, []byte, error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		if len(p) > maxHead {
			return nil, nil, fmt.Errorf("response headers are longer than %d bytes", maxHead)
		}
		return nil, p, nil
	}
	end += len("\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(p[:end])), nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(bytes.NewReader(p[end:]), 200))
		return nil, nil, &statusError{code: resp.StatusCode, status: resp.Status, body: strings.Join(strings.Fields(string(body)), " ")}
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return nil, nil, fmt.Errorf("answered with %q where text/event-stream was expected", kind)
	}
	return &head{chunked: len(resp.TransferEncoding) > 0}, p[end:], nil
}
