package cluster

import "sync"

// Gate makes a node stand still, as a stopped process does. It is for tests in a bubble of testing/synctest.
type Gate struct {
	mu   sync.Mutex
	shut chan struct{}
}

// Shut stops the node, or has it go on.
func (g *Gate) Shut(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.shut == nil:
		g.shut = make(chan struct{})
	case !shut && g.shut != nil:
		close(g.shut)
		g.shut = nil
	}
}

// Pass waits while the gate is shut.
func (g *Gate) Pass() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

// With has a node pass the gate before it does anything.
func (g *Gate) With(o Options) Options {
	o.gate = g.Pass
	return o
}
