package load

import "fmt"

// dechunker takes the chunked framing (RFC 9112, 7.1) off a body that arrives in pieces. Its zero value is at the body's
// beginning.
type dechunker struct {
	step chunkStep
	left uint64 // bytes of the chunk that are still to come, or its size as far as it has been read
	// some is that a digit of the size, or something of a line of the trailer, has been read.
	some bool
}

// chunkStep is what the next byte belongs to.
type chunkStep uint8

const (
	chunkSize chunkStep = iota
	chunkExtension
	chunkData
	chunkEnd // the line break behind the data
	chunkTrailer
	chunkDone
)

// decode moves the bytes of the body to the front of p, and returns them.
func (d *dechunker) decode(p []byte) (body []byte, err error) {
	w := 0
	for r := 0; r < len(p); {
		if d.step == chunkData {
			n := int(min(d.left, uint64(len(p)-r)))
			w += copy(p[w:], p[r:r+n])
			r += n
			if d.left -= uint64(n); d.left == 0 {
				d.step = chunkEnd
			}
			continue
		}
		if err := d.frame(p[r]); err != nil {
			return p[:w], err
		}
		r++
	}
	return p[:w], nil
}

// frame takes one byte that is not data.
func (d *dechunker) frame(b byte) error {
	switch d.step {
	case chunkSize:
		return d.size(b)
	case chunkExtension:
		if b == '\n' {
			d.begin()
		}
	case chunkEnd:
		switch b {
		case '\r':
		case '\n':
			d.step, d.some = chunkSize, false
		default:
			return fmt.Errorf("chunk is longer than its size says: %q follows its data", b)
		}
	case chunkTrailer:
		switch {
		case b == '\n' && !d.some:
			d.step = chunkDone
		case b == '\n':
			d.some = false
		case b != '\r':
			d.some = true
		}
	default:
		return fmt.Errorf("%q follows the last chunk", b)
	}
	return nil
}

// size takes one byte of the line that a chunk begins with.
func (d *dechunker) size(b byte) error {
	digit := uint64(0)
	switch {
	case '0' <= b && b <= '9':
		digit = uint64(b - '0')
	case 'a' <= b && b <= 'f':
		digit = uint64(b-'a') + 10
	case 'A' <= b && b <= 'F':
		digit = uint64(b-'A') + 10
	case d.some && b == '\n':
		d.begin()
		return nil
	case d.some && (b == ';' || b == '\r' || b == ' ' || b == '\t'):
		d.step = chunkExtension
		return nil
	default:
		return fmt.Errorf("chunk size has %q where a hexadecimal digit was expected", b)
	}
	if d.left >= 1<<40 {
		return fmt.Errorf("chunk size is over %d bytes", d.left)
	}
	d.left, d.some = d.left<<4|digit, true
	return nil
}

// begin follows the line with the size.
func (d *dechunker) begin() {
	d.step, d.some = chunkData, false
	if d.left == 0 {
		d.step = chunkTrailer
	}
}

// done reports that the body has ended as the server meant it to.
func (d *dechunker) done() bool { return d.step == chunkDone }
