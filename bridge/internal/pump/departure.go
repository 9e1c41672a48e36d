package pump

// departure is a client that has left, and that the loop has not forgotten yet. To close a connection takes longer than to cancel a
// stream, and where a proxy is started again thousands of clients leave at once. So the loop cancels the streams at once, and closes
// the connections in later steps.
type departure struct {
	p   *parked
	key key
	err error // what broke the connection; nil where the client has closed it
}

// depart begins the end of p, whose client has left. Until the loop forgets p, nothing more is done for it.
func (l *loop) depart(p *parked, err error) {
	p.gone = true
	abandon(p.cur)
	l.departures.push(departure{p, p.key, err})
}

// forget closes the connections of so many clients that have left. A client may have been forgotten for another reason.
func (l *loop) forget(n int) {
	for range n {
		d := l.departures.pop()
		if p := d.p; p.done != nil && p.key == d.key {
			l.finish(p, p.outcome(reasonOf(d.err), d.err), plainly)
		}
	}
}
