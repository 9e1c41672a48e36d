package pump

// flight is a visit to a subscriber that is under way: what one write carries was collected, and was not written yet. A loop
// collects several flights before it writes them, so that one system call may write them all. No flight is under way between two
// steps.
type flight struct {
	p     *parked
	batch batch
	what  content
	words int  // bytes of the blocks of the control, as the control counts them
	turns int  // how many writes the visit has had, with this one
	moved bool // the cursor's last Peek has changed its topic; what came before the new one was watched was not told
	last  bool // nothing follows the batch

	record []byte    // the record that a sealed socket sends; see [sealed]
	one    [1][]byte // record as pieces
	text   int       // bytes of the batch that are in record
	behind position  // the place in the batch behind these

	// These are what a write returns, see [socket].
	n       int
	pending bool
	err     error
}

// content is what a flight carries.
type content uint8

const (
	carriesPieces content = iota // of the cursor, with what the loop adds
	carriesWords                 // blocks of the control
	carriesBeat                  // a heartbeat
)

// flightsAtOnce is how many flights are under way at most. Each has memory for the pieces of its batch.
const flightsAtOnce = 64

// writer writes flights. Only the loop uses it, and it waits for nothing.
type writer interface {
	// write does what [socket].Write says for each of the flights, and notes in them what that returns. The pieces are not used
	// any more once write has returned.
	write(flights []flight)
	// close frees what the writer holds.
	close()
}

// oneByOne is the writer that writes each flight by itself.
type oneByOne struct{}

func (oneByOne) write(flights []flight) {
	for i := range flights {
		flights[i].writeAlone()
	}
}

func (oneByOne) close() {}

// writeAlone has the socket write the flight.
func (f *flight) writeAlone() {
	f.n, f.pending, f.err = f.p.sock.Write(f.batch.pieces, f.last)
}

// flights are the visits that are under way.
type flights struct {
	writer writer
	most   int      // how many are under way at most
	all    []flight // the memory of all, which grows as it is needed
	begun  int      // how many of all are under way
}

// next returns the flight that may begin next, as a visit to p.
func (f *flights) next(p *parked) *flight {
	if f.begun == len(f.all) {
		f.all = append(f.all, flight{})
	}
	next := &f.all[f.begun]
	next.p, next.turns = p, 0
	return next
}

// launch begins a visit to p, to which the loop writes until nothing is left or the client takes no more. A subscriber that
// always has more waits for another visit, so that others have theirs. Where p is visited already, launch does nothing: the
// visit collects what there is, and looks once more after it has written, unless nothing followed when it collected. It also does
// nothing where the client has left.
func (l *loop) launch(p *parked) {
	if p.gone || p.flying || p.pending && !l.flush(p) {
		return
	}
	l.load(l.flights.next(p))
	l.landIfFull()
}

// beat sends p a heartbeat.
func (l *loop) beat(p *parked) {
	f := l.flights.next(p)
	f.batch.beat(p)
	p.cur.Interjected()
	l.take(f, carriesBeat)
	l.landIfFull()
}

// load collects what the subscriber of a flight is told next. Then the flight is under way, unless there is nothing to tell, or
// the visit has had its writes.
func (l *loop) load(f *flight) {
	for p := f.p; f.turns < writesPerVisit; {
		f.turns++
		if p.speaks() {
			if f.words = f.batch.speak(p); f.words == 0 {
				p.told = false
				continue
			}
			p.cur.Interjected()
			l.take(f, carriesWords)
			return
		}
		f.batch.fill(p)
		f.moved = l.follow(p)
		if len(f.batch.pieces) > 0 {
			l.take(f, carriesPieces)
			return
		}
		if !f.moved {
			l.block(p, false)
			f.clear()
			return
		}
	}
	l.stand(f.p)
	f.clear()
}

// take has a flight be under way. It is the one that may begin next.
func (l *loop) take(f *flight, what content) {
	f.what, f.last, f.p.flying = what, f.batch.last(f.p), true
	l.flights.begun++
}

func (l *loop) landIfFull() {
	if l.flights.begun == l.flights.most {
		l.land()
	}
}

// land writes all flights, and goes on with each until its visit is over.
func (l *loop) land() {
	for f := &l.flights; f.begun > 0; {
		written := f.all[:f.begun]
		f.writer.write(written)
		f.begun = 0
		for i := range written {
			landed := &written[i]
			p := landed.p
			p.flying = false
			if !l.settle(landed) {
				landed.clear()
				continue
			}
			if i > f.begun { // the flight that goes on takes the place of one that is over
				written[i], written[f.begun] = written[f.begun], written[i]
			}
			l.load(&written[f.begun])
		}
	}
}

// settle acts on what a write has returned, and reports whether the visit goes on.
func (l *loop) settle(f *flight) (more bool) {
	p, before := f.p, f.p.bytes
	more = l.note(f)
	switch {
	case p.done == nil:
	case f.what == carriesWords && p.bytes > before:
		p.told = p.control.wrote(f.words)
	case f.what == carriesBeat:
		l.clock.set(p, l.now)
		more = false
	}
	return more
}

// note notes what the client took of a flight, and reports whether more may be written to it.
func (l *loop) note(f *flight) (more bool) {
	p, size := f.p, f.batch.size()
	if f.err != nil {
		l.finish(p, p.outcome(reasonOf(f.err), f.err), plainly)
		return false
	}
	f.batch.settle(p, f.n, l.began.Add(l.now))
	if p.pending = f.pending; p.said() && !f.pending {
		l.part(p)
		return false
	}
	blocked := f.n < size || f.pending
	if f.n > 0 || blocked && !p.blocked {
		p.taken = l.now
		if blocked {
			p.behind = p.sock.Waiting()
		}
	}
	l.block(p, blocked)
	return !blocked && !f.completes()
}

// completes reports whether nothing follows what the flight has carried, all of which the client took. What comes after the cursor's
// Peek is mail, which is read before any visit of the next step.
func (f *flight) completes() bool {
	return f.batch.drained && !f.moved && !f.p.speaks()
}

// clear forgets a visit that is over, so that its pieces are not kept.
func (f *flight) clear() {
	f.batch.clear()
	f.p, f.err = nil, nil
	if cap(f.record) > keptRecordBytes {
		f.record, f.one[0] = nil, nil
	}
}

// keptRecordBytes is how large a record is whose memory a flight keeps.
const keptRecordBytes = 2 << 10
