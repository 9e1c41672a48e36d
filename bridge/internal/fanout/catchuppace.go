package fanout

// A catch-up has the pace of its stream, in rounds of its own: its upstream may bring as many events as that of the stream.

// showIfDue shows the events of the catch-up in a round, now or later. The stream's lock is held.
func (c *catchUp) showIfDue() {
	if c.paced.due() {
		c.paced.begun()
		c.shown = len(c.trail.events)
		c.changed()
	}
}

// roundIsDue begins a round that had to wait.
func (c *catchUp) roundIsDue() {
	c.stream.update(func() {
		c.paced.timer = nil
		if c.state == catching && c.shown < len(c.trail.events) {
			c.showIfDue()
		}
	})
}

// upTo returns the index up to which a subscriber is shown the events. own is the index at which the subscriber's own round ends.
func (c *catchUp) upTo(own uint64) int {
	n := len(c.trail.events)
	if c.paced.every <= 0 || c.state != catching {
		return n
	}
	return min(n, max(c.shown, int(min(own, uint64(n)))))
}
