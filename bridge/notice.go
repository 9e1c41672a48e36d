package bridge

import (
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// notice tells a page that its events have stopped while the bridge reopens the upstream, and that they flow again. A short
// gap is not worth a word. Its methods may be called concurrently: time runs out on a goroutine of its own.
type notice struct {
	queue  *pump.Queue
	format request.Format
	form   frame.Form

	mu    sync.Mutex
	timer *time.Timer // nil while the upstream is there
	told  bool        // whether the page knows of the gap
}

// interrupted begins a gap; within one, it changes nothing.
func (n *notice) interrupted(by *ending.Ending) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer == nil {
		n.timer = time.AfterFunc(fanout.StaleAfter, func() { n.tell(by) })
	}
}

func (n *notice) tell(by *ending.Ending) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer == nil { // over meanwhile
		return
	}
	n.told = true
	n.say(ending.StaleBlock(by.Code))
}

// say is called with the lock held. A format other than that of events has no place for notices.
func (n *notice) say(block []byte) {
	if n.format == request.EventStream {
		n.queue.Notice(n.form.Append(nil, block))
	}
}

// flowing ends a gap, if there is one.
func (n *notice) flowing() {
	n.stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told {
		n.told = false
		n.say(ending.LiveBlock())
	}
}

// stop makes sure that nothing more is told of a gap.
func (n *notice) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
}
