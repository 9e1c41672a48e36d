package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"
)

// Back makes EventSources of the browsers of an order: each comes back when its stream is over, with the id of its last event.
type Back struct {
	// Silence is after how long without a byte a browser gives its connection up, as the page's module does; 0 is never.
	Silence time.Duration `json:"silence,omitempty"`
	// Token is what the browser shows in a cookie, a fresh one on each connection; nil is none.
	Token *Token `json:"token,omitempty"`
}

// chromiumRetry is the reconnection time where the server has told none.
const chromiumRetry = 3 * time.Second

// Life is what browsers have been through that come back, since the beginning.
type Life struct {
	// Returned is how many connections were opened again and have got a stream.
	Returned int `json:"returned"`
	// Told is how many streams have ended in good order, with the word to come back.
	Told int `json:"told"`
	// Final is how many have ended with the word not to come back.
	Final int `json:"final"`
	// Broken is how many connections have ended in any other way, Breaks says how.
	Broken int            `json:"broken"`
	Breaks map[string]int `json:"breaks"`
	// Refused is how many attempts to connect have got no answer at all.
	Refused int `json:"refused"`
	// Silent is how many connections the browsers have given up.
	Silent int `json:"silent"`
	// Overdue is how many streams were open when their token expired.
	Overdue int `json:"overdue"`
	// Stopped is how many browsers were told by 204 to stop, and GaveUp how many by another status; Problem is the first of those.
	Stopped int    `json:"stopped"`
	GaveUp  int    `json:"gave_up"`
	Problem string `json:"problem"`
	// Reasons is how often a stream has ended with a status and for a reason, such as "UNAVAILABLE drain".
	Reasons map[string]int `json:"reasons"`
}

// clone returns a copy.
func (l Life) clone() Life {
	l.Breaks, l.Reasons = maps.Clone(l.Breaks), maps.Clone(l.Reasons)
	return l
}

// Return says when a browser was told to come back.
type Return struct {
	Ended int64 `json:"ended"` // when its stream ended, in Unix nanoseconds
	Due   int64 `json:"due"`   // when it comes back
}

// mostKinds bounds the kinds of ends that are told apart.
const mostKinds = 20

// count adds one of a kind.
func count(counts *map[string]int, kind string) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	if _, known := (*counts)[kind]; !known && len(*counts) >= mostKinds {
		kind = "other"
	}
	(*counts)[kind]++
}

// comeback is what one EventSource keeps from connection to connection.
type comeback struct {
	Back
	path  string
	last  []byte        // the id of the last event
	retry time.Duration // the newest reconnection time

	// Of the present connection:

	told    farewell
	ended   bool // told is there
	expires time.Time
	heard   int64 // when the last byte was read, in Unix nanoseconds

	due int64 // when the browser comes back, in Unix nanoseconds
}

// note takes what an EventSource itself does with an event.
func (c *comeback) note(e block, l *Life) {
	if len(e.id) > 0 {
		c.last = append(c.last[:0], e.id...)
	}
	if string(e.name) == "grpc-status" {
		c.told, c.ended = readFarewell(e.data)
		count(&l.Reasons, c.told.Status+" "+c.told.Reason)
	}
}

// heed takes the newest reconnection time, in milliseconds; 0 is none.
func (c *comeback) heed(retry int64) {
	if retry > 0 {
		c.retry = time.Duration(retry) * time.Millisecond
	}
}

// begin is the beginning of a connection. It returns the headers that the browser sends beside the usual ones.
func (c *comeback) begin(now time.Time) (headers []header, err error) {
	c.told, c.ended, c.expires, c.heard = farewell{}, false, time.Time{}, now.UnixNano()
	if len(c.last) > 0 {
		headers = append(headers, header{"Last-Event-ID", string(c.last)})
	}
	if c.Token != nil {
		var value string
		if value, c.expires, err = c.Token.mint(now); err != nil {
			return nil, err
		}
		headers = append(headers, header{"Cookie", Cookie + "=" + value})
	}
	return headers, nil
}

// end is the end of a stream. whole is that the body came to its end.
func (c *comeback) end(reason error, whole bool, now time.Time, l *Life) {
	if !c.expires.IsZero() && now.After(c.expires) {
		l.Overdue++
	}
	switch {
	case errors.Is(reason, errSilent):
		l.Silent++
	case whole && c.ended && c.told.Retry:
		l.Told++
	case whole && c.ended:
		l.Final++
	default:
		l.Broken++
		count(&l.Breaks, fmt.Sprintf("%v; the body was whole: %v; grpc-status: %v", reason, whole, c.ended))
	}
	c.wait(now)
}

// wait sets when the browser comes back.
func (c *comeback) wait(now time.Time) {
	pause := c.retry
	if pause == 0 {
		pause = chromiumRetry
	}
	c.due = now.Add(pause).UnixNano()
}

// refused takes the failure of an attempt, and reports whether the browser tries again.
func (c *comeback) refused(reason error, now time.Time, l *Life) bool {
	var status *statusError
	if errors.As(reason, &status) {
		if status.code == noContent {
			l.Stopped++
			return false
		}
		if l.GaveUp++; l.Problem == "" {
			l.Problem = reason.Error()
		}
		return false
	}
	l.Refused++
	c.wait(now)
	return true
}

// noContent is the status that stops an EventSource.
const noContent = 204

var (
	// errSilent is why a browser gives its connection up.
	errSilent = errors.New("silent for too long")
	// errOver is the end of a body.
	errOver = fmt.Errorf("the body is over: %w", io.EOF)
)

// header is a header of a request.
type header struct{ name, value string }

// requestTo returns the request that an EventSource sends.
func requestTo(host, path string, headers []header) []byte {
	var b bytes.Buffer
	b.WriteString("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n" +
		"Connection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) grpcsse-bench\r\n")
	for _, h := range headers {
		b.WriteString(h.name + ": " + h.value + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
