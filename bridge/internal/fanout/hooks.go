package fanout

// Hooks are called when something happens to a stream, with the label of the stream. Any may be nil. They are called
// concurrently, some with locks held. A hook must neither wait nor call the registry.
type Hooks struct {
	Opened    func(label string) // a stream began
	Ended     func(label string) // a stream is over, and its upstream is no longer read
	Reopened  func(label string) // the upstream of a stream is opened again
	Evicted   func(label string) // a stream without subscribers ends before its time, to make room
	Skipped   func(label string) // a slow subscriber goes on as a newcomer
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
