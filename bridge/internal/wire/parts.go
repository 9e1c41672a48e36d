package wire

import (
	"fmt"
	"sync"
	"time"
)

const (
	// maxUnfinished bounds how many messages are kept whose parts have not all come.
	maxUnfinished = 64
	// partPatience is how long the next part of a message may take.
	partPatience = 10 * time.Second
)

// parts keeps the parts of messages until the messages are whole. The parts of a message come in their order: after a lost
// one, the others are of no use.
type parts struct {
	most int // bytes of a message, and of all unfinished messages

	mu    sync.Mutex
	open  map[partOf]*unfinished
	bytes int // of all unfinished messages
}

// partOf is what the parts of one message have in common.
type partOf struct {
	sender  [senderBytes]byte
	first   uint64 // the number of the first piece
	subject string
}

// unfinished is a message whose parts have not all come.
type unfinished struct {
	data  []byte
	next  uint64 // the index of the next part
	count uint64
	at    time.Time // when the newest part came
}

// add adds a part. It returns the message where the part is the last one, and nil where more are to come.
func (p *parts) add(subject string, h header, body []byte, now time.Time) ([]byte, error) {
	r := &reader{rest: body, size: len(body)}
	index := r.uint("the index of a part", maxParts)
	count := r.uint("the number of parts", maxParts)
	if r.err == nil && (index >= count || count < 2 || index > h.number || len(r.rest) == 0) {
		r.fail("expected a part of several, found part %d of %d with %d bytes", index, count, len(r.rest))
	}
	if r.err != nil {
		return nil, r.err
	}
	of := partOf{sender: h.sender, first: h.number - index, subject: subject}

	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld(now)
	if index == 0 {
		p.forget(of)
		p.open[of] = &unfinished{count: count}
	}
	m := p.open[of]
	if m == nil || m.next != index || m.count != count {
		p.forget(of)
		return nil, fmt.Errorf("%w: part %d of %d", ErrIncomplete, index, count)
	}
	if len(m.data)+len(r.rest) > p.most {
		p.forget(of)
		return nil, fmt.Errorf("%w: expected at most %d bytes", ErrTooLarge, p.most)
	}
	m.data = append(m.data, r.rest...)
	m.next, m.at = index+1, now
	p.bytes += len(r.rest)
	if m.next < count {
		p.bound(of)
		return nil, nil
	}
	p.forget(of)
	return m.data, nil
}

// bound forgets the messages that have waited longest, until the others are within the bounds. The one that has just come
// stays.
func (p *parts) bound(newest partOf) {
	for p.bytes > p.most || len(p.open) > maxUnfinished {
		oldest := newest
		for of, m := range p.open {
			if of != newest && (oldest == newest || m.at.Before(p.open[oldest].at)) {
				oldest = of
			}
		}
		if oldest == newest {
			return
		}
		p.forget(oldest)
	}
}

// forgetOld forgets the messages whose next part has not come in time.
func (p *parts) forgetOld(now time.Time) {
	for of, m := range p.open {
		if now.Sub(m.at) > partPatience {
			p.forget(of)
		}
	}
}

func (p *parts) forget(of partOf) {
	if m := p.open[of]; m != nil {
		p.bytes -= len(m.data)
		delete(p.open, of)
	}
}
