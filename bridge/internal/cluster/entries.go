package cluster

import (
	"context"
	"fmt"

	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// request asks the store. The answer is an input.
func (s *seat) request(a action) {
	s.node.entries.run(func() {
		ctx, cancel := context.WithTimeout(s.node.ctx, entryTimeout)
		defer cancel()
		answer := s.node.access(ctx, s.name, a)
		s.node.gate()
		s.shard.box.post(func() { s.apply(answer) })
	})
}

// access does something with an entry.
func (n *Node) access(ctx context.Context, name string, a action) entryAnswer {
	answer := entryAnswer{base: a.base, revision: a.revision}
	var value []byte
	if a.kind == doCreate || a.kind == doUpdate {
		pieces, err := n.encode(name, wire.Entry{Base: a.base})
		if err != nil {
			answer.err = err
			return answer
		}
		value = pieces[0]
	}
	switch a.kind {
	case doCreate:
		answer.op = opCreate
		answer.revision, answer.err = n.bus.Create(ctx, name, value)
	case doUpdate:
		answer.op = opUpdate
		answer.revision, answer.err = n.bus.Update(ctx, name, value, a.revision)
	case doDelete:
		answer.op = opDelete
		answer.err = n.bus.Delete(ctx, name, a.revision)
	case doGet:
		answer.op = opGet
		if value, answer.revision, answer.err = n.bus.Get(ctx, name); answer.err == nil {
			answer.owner, answer.base, answer.err = n.readEntry(name, value)
		}
	}
	return answer
}

// readEntry reads the value of an entry. What cannot be read is no answer of the store.
func (n *Node) readEntry(name string, value []byte) (owner string, base uint64, err error) {
	m, err := n.decode(name, value)
	if err != nil {
		return "", 0, fmt.Errorf("the entry of %s: %w", name, err)
	}
	if m != nil {
		if e, ok := m.Body.(wire.Entry); ok {
			return m.From, e.Base, nil
		}
	}
	return "", 0, fmt.Errorf("the entry of %s: expected an owner, found another message", name)
}
