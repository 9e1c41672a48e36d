package bridge

import "github.com/grpcsse/grpcsse/bridge/internal/ending"

// enter counts a caller in, unless the bridge is full or shutting down.
func (b *Bridge) enter() *ending.Ending { return b.drain.enter(b.limit) }

// streamLimit is how many streams may be open at once: configured, or else four fifths of the descriptors that the process
// may have, so that there are some left to talk to the upstreams, and to tell a browser that the bridge is full. 0 is no limit.
func streamLimit(configured int) int {
	if configured > 0 {
		return configured
	}
	return descriptors() / 5 * 4
}
