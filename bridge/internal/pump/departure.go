package pump

// departure is a client that has left, and that the loop has not forgotten yet. Closing a connection takes longer than telling
// the upstream, and after a restart of a proxy thousands of clients leave at once. So an upstream is told at once, and the
// connections are closed in later steps.
type departure struct {
	p   *parked
	key key
	err error // what broke the connection; nil where the client has closed it
}

// depart begins the end of p, whose client has left.
func (l *loop) depart(p *parked, err error) {
	abandon(p.cur)
	p.blocked = true // nothing is written to it any more
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
