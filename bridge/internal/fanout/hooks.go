package fanout

// Hooks are told what happens to streams, with the label of each. Any may be nil. They are called concurrently, some with
// locks held: they must neither wait nor call the registry.
type Hooks struct {
	Opened    func(label string) // a stream began
	Ended     func(label string) // it is over, and its upstream is not read any more
	Reopened  func(label string) // its upstream is opened again
	Evicted   func(label string) // it lingered, and ends early for want of room
	Skipped   func(label string) // a subscriber was slow and goes on as a newcomer
	IDLeftOut func(label string) // an event has an id that cannot be sent
}

func (h *Hooks) opened(st *stream)    { call(h.Opened, st) }
func (h *Hooks) ended(st *stream)     { call(h.Ended, st) }
func (h *Hooks) reopened(st *stream)  { call(h.Reopened, st) }
func (h *Hooks) evicted(st *stream)   { call(h.Evicted, st) }
func (h *Hooks) skipped(st *stream)   { call(h.Skipped, st) }
func (h *Hooks) idLeftOut(st *stream) { call(h.IDLeftOut, st) }

func call(hook func(label string), st *stream) {
	if hook != nil {
		hook(st.settings.Label)
	}
}
