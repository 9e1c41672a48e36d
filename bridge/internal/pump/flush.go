package pump

// flush has the socket of p send what is pending, and reports whether more may be written to p.
func (l *loop) flush(p *parked) bool {
	_, pending, err := p.sock.Write(nil, false)
	switch p.pending = pending; {
	case err != nil:
		l.finish(p, p.outcome(reasonOf(err), err), plainly)
		return false
	case pending:
		p.look(l.now) // the client may have taken a part of it
		return false
	}
	p.taken = l.now
	if p.said() {
		l.part(p)
		return false
	}
	return true
}

// part closes the connection of p, to which the whole stream was written.
func (l *loop) part(p *parked) {
	out := p.outcome(p.end.Ending.Reason, nil)
	out.End = p.end
	l.finish(p, out, gracefully)
}
