package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge"
)

// visitors are callers whose streams stay open.
type visitors struct {
	running sync.WaitGroup
	cancels []context.CancelFunc
	lines   []string // of the routes in the file
	overs   []<-chan struct{}
}

// routeLine returns the line of a file that has the route for a path, "" where there is none.
func routeLine(text, path string) string {
	if strings.HasPrefix(path, "/x/") {
		path = "/x/{topic}"
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "path: '"+path+"'") {
			return line
		}
	}
	return ""
}

// requireEnd expects that the streams end by themselves whose routes are others in a new file.
func (v *visitors) requireEnd(rt *rapid.T, text string) {
	for i, line := range v.lines {
		if line == "" || strings.Contains(text, line) {
			continue
		}
		select {
		case <-v.overs[i]:
		case <-time.After(patience):
			rt.Fatalf("a stream goes on after its route has changed: %s", line)
		}
	}
}

// open sends a request, and waits until its answer begins. line is that of the route.
func (v *visitors) open(b *bridge.Bridge, r *http.Request, line string) {
	ctx, cancel := context.WithCancel(r.Context())
	v.cancels = append(v.cancels, cancel)
	w := newVisitor()
	over := make(chan struct{})
	v.lines, v.overs = append(v.lines, line), append(v.overs, over)
	v.running.Go(func() { defer close(over); b.ServeHTTP(w, r.WithContext(ctx)) })
	select {
	case <-w.begun:
	case <-over:
	}
}

// leave ends what is still open.
func (v *visitors) leave() {
	for _, cancel := range v.cancels {
		cancel()
	}
	v.running.Wait()
}

// visitor is the connection of one caller. It accepts deadlines, and tells when the answer begins.
type visitor struct {
	*httptest.ResponseRecorder

	once  sync.Once
	begun chan struct{}
}

func newVisitor() *visitor {
	return &visitor{ResponseRecorder: httptest.NewRecorder(), begun: make(chan struct{})}
}

func (*visitor) SetWriteDeadline(time.Time) error { return nil }
func (*visitor) SetReadDeadline(time.Time) error  { return nil }

func (v *visitor) Write(p []byte) (int, error) {
	v.once.Do(func() { close(v.begun) })
	return v.ResponseRecorder.Write(p)
}

// byChance matches what differs from answer to answer: the times to come back, the epoch in the ids of the bridge itself, and the
// comment that is written where the header of an answer goes out before the first event.
var byChance = regexp.MustCompile(`retry: \d+|Retry-After: \d+|id: \S+-\d+|(?m)^:\n`)

// String returns the answer, without what is random in it.
func (v *visitor) String() string {
	var lines []string
	for name, values := range v.Header() {
		lines = append(lines, fmt.Sprintf("%s: %s", name, strings.Join(values, ", ")))
	}
	slices.Sort(lines)
	text := fmt.Sprintf("%d\n%s\n\n%s", v.Code, strings.Join(lines, "\n"), v.Body)
	return byChance.ReplaceAllStringFunc(text, func(found string) string {
		if found == ":\n" {
			return ""
		}
		return strings.Fields(found)[0] + " RANDOM"
	})
}
