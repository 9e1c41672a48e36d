package load

import (
	"bytes"
	"strconv"
)

// block is one event as a browser would dispatch it (HTML standard, 9.2.6).
type block struct {
	name []byte // of the event; empty is "message"
	data []byte
	id   []byte // empty where the block has none
}

// blocks finds the blocks in a text/event-stream that arrives in pieces. Its zero value is at the stream's beginning.
type blocks struct {
	rest []byte // of the open block, as far as it is here
	read int    // how many bytes of rest are lines that have been read
	name span   // of the open block
	data span
	id   span
	more []byte // the data of a block where it has more than one line
	// some is that the open block has a data line: without one it is not dispatched.
	some bool
	// retry is the newest reconnection time, in milliseconds; 0 where there was none.
	retry int64
}

// span is a part of the open block.
type span struct{ from, to int }

func (s span) of(block []byte) []byte { return block[s.from:s.to] }

// scan calls visit with each block that ends in p; what it is given is valid during the call. It returns how many
// comments there were.
func (b *blocks) scan(p []byte, visit func(block)) (comments int) {
	if len(b.rest) > 0 {
		b.rest = append(b.rest, p...)
		p = b.rest
	}
	begin, at := 0, b.read
	for {
		line, next, ok := cutLine(p, at)
		if !ok {
			break
		}
		switch {
		case len(line) == 0:
			if b.some {
				visit(b.block(p[begin:]))
			}
			b.name, b.data, b.id, b.more, b.some = span{}, span{}, span{}, b.more[:0], false
			begin = next
		case line[0] == ':':
			comments++
			if begin == at {
				begin = next // a heartbeat between two blocks belongs to none
			}
		default:
			b.field(p[begin:], span{at - begin, at - begin + len(line)})
		}
		at = next
	}
	b.rest, b.read = append(b.rest[:0], p[begin:]...), at-begin
	return comments
}

// block is the open block; p begins with it.
func (b *blocks) block(p []byte) block {
	found := block{name: b.name.of(p), data: b.data.of(p), id: b.id.of(p)}
	if len(b.more) > 0 {
		found.data = b.more
	}
	return found
}

// field takes a line that is no comment; p begins with the open block.
func (b *blocks) field(p []byte, line span) {
	name, value, _ := bytes.Cut(line.of(p), []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	where := span{line.to - len(value), line.to}
	switch string(name) {
	case "event":
		b.name = where
	case "id":
		b.id = where
	case "retry":
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && n > 0 {
			b.retry = n
		}
	case "data":
		if !b.some {
			b.data, b.some = where, true
			return
		}
		if len(b.more) == 0 {
			b.more = append(b.more, b.data.of(p)...)
		}
		b.more = append(append(b.more, '\n'), value...)
	}
}

// cutLine returns the line that begins at p[at:], without its line break, which is LF, CRLF or CR, and where the next one
// begins. It returns false where the line has not ended, which nobody knows yet of a CR that is p's last byte.
func cutLine(p []byte, at int) (line []byte, next int, ok bool) {
	rest := p[at:]
	end := bytes.IndexByte(rest, '\n')
	if end >= 0 {
		rest = rest[:end]
	}
	if cr := bytes.IndexByte(rest, '\r'); cr >= 0 && cr+1 < len(rest) {
		return rest[:cr], at + cr + 1, true // alone
	}
	if end < 0 {
		return nil, at, false
	}
	return bytes.TrimSuffix(rest, []byte("\r")), at + end + 1, true
}
