package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

func appendCondition(dst []byte, c *fanout.Condition) ([]byte, error) {
	dst = appendFlags(dst, c.Accepted, c.Header != nil, c.Stale, c.Sure, c.SureResumed, c.End != nil)
	dst = appendUint(dst, uint64(ending.CodeOf(uint32(c.By))))
	dst = appendUint(dst, c.SureFrom)
	dst = appendUint(dst, c.EndAt)
	var err error
	if c.Header != nil {
		dst, err = appendHeader(dst, c.Header)
	}
	if err != nil || c.End == nil {
		return dst, err
	}
	return appendStreamEnd(dst, c.End)
}

func (r *reader) condition() *fanout.Condition {
	flags := r.flags("the flags of a condition", 6)
	c := &fanout.Condition{
		Accepted:    flags[0],
		Stale:       flags[2],
		By:          r.code(),
		Sure:        flags[3],
		SureFrom:    r.number("an offset"),
		SureResumed: flags[4],
		EndAt:       r.number("an offset"),
	}
	if flags[1] {
		c.Header = r.header()
	}
	if flags[5] {
		c.End = r.streamEnd()
	}
	return c
}

func (r *reader) code() ending.Code {
	return ending.Code(r.uint("a code of gRPC", uint64(ending.Unauthenticated)))
}

// maxValues bounds how many names and values a header has together.
const maxValues = 1 << 12

// appendHeader appends a header in the order of its names, so that equal headers have equal bytes.
func appendHeader(dst []byte, h reading.Header) ([]byte, error) {
	n := len(h)
	for _, values := range h {
		n += len(values)
	}
	if n > maxValues {
		return nil, fmt.Errorf("%w: expected a header of at most %d names and values, found %d", ErrTooLarge, maxValues, n)
	}
	dst = appendUint(dst, uint64(len(h)))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		dst = appendText(dst, name)
		dst = appendUint(dst, uint64(len(h[name])))
		for _, value := range h[name] {
			dst = appendText(dst, value)
		}
	}
	return dst, nil
}

func (r *reader) header() reading.Header {
	h := reading.Header{}
	names := r.count("names of a header", 2, maxValues)
	left := maxValues - names
	last := ""
	for i := range names {
		name := r.text("a name of a header", maxMessage)
		if i > 0 && name <= last {
			r.fail("expected the names of a header in their order")
		}
		n := r.count("values of a header", 1, left)
		values := make([]string, n)
		for j := range values {
			values[j] = r.headerValue(name)
		}
		if r.err != nil {
			return nil
		}
		left -= n
		h[name], last = values, name
	}
	return h
}

// headerValue reads a value of the upstream's header, which may become part of an HTTP response. The values of names that end
// in "-bin" are any bytes.
func (r *reader) headerValue(name string) string {
	value := r.text("a value of a header", maxMessage)
	if strings.ContainsAny(value, "\r\n\x00") && !strings.HasSuffix(name, "-bin") {
		r.fail("expected a value of a header without line ends and NUL")
	}
	return value
}

// appendStreamEnd appends the end of a stream. The cause stays behind: it is for the operator of the replica that has it.
func appendStreamEnd(dst []byte, end *pump.End) ([]byte, error) {
	e := end.Ending
	if e == nil {
		return nil, errors.New("message: expected the ending of a stream, found none")
	}
	rendered := bytes.Equal(end.Frame, e.Frame())
	dst = appendFlags(dst, e.Retry, e.NoStream, rendered)
	dst = appendInt(dst, int64(end.RetryDelay))
	dst = appendUint(dst, uint64(ending.CodeOf(uint32(e.Code))))
	dst = appendText(dst, e.Message)
	dst = appendText(dst, e.Reason)
	dst = appendText(dst, e.Limit)
	dst = appendUint(dst, uint64(e.HTTPStatus))
	dst, err := appendAll(dst, "details", e.Details, appendText[json.RawMessage])
	if err == nil && !rendered {
		dst = appendText(dst, end.Frame)
	}
	return dst, err
}

func (r *reader) streamEnd() *pump.End {
	flags := r.flags("the flags of an end", 3)
	delay := time.Duration(r.int("a delay"))
	e := &ending.Ending{
		Retry:      flags[0],
		NoStream:   flags[1],
		Code:       r.code(),
		Message:    r.text("a message", maxMessage),
		Reason:     ending.Reason(r.text("a reason", maxName)),
		Limit:      ending.Limit(r.text("a limit", maxName)),
		HTTPStatus: int(r.uint("an HTTP status", 599)),
	}
	e.Details = readAll(r, "details", 1, func(r *reader) json.RawMessage {
		return bytes.Clone(r.bytes("a detail", maxMessage))
	})
	if e.HTTPStatus != 0 && e.HTTPStatus < 200 { // net/http panics at those below 100
		r.fail("expected an HTTP status from 200 on, found %d", e.HTTPStatus)
	}
	if delay < 0 {
		r.fail("expected a delay from 0 on, found %s", delay)
	}
	end := &pump.End{Ending: e, RetryDelay: delay}
	if r.err != nil {
		return end
	}
	end.Frame = e.Frame()
	if !flags[2] {
		frame := bytes.Clone(r.bytes("the end as a block", maxMessage))
		if bytes.Equal(frame, end.Frame) || !bytes.HasSuffix(frame, []byte("\n\n")) {
			r.fail("expected an end in a block of its own, which ends in a blank line")
		}
		end.Frame = frame
	}
	return end
}
