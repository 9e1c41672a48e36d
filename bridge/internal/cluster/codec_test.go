package cluster_test

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// codec stands for the codec of a cluster: messages stay in memory, and a piece is a number of one.
type codec struct {
	mu       sync.Mutex
	messages []wire.Message
}

func (*codec) Name(key string) string { return "k" + key }

func (c *codec) Encode(_ string, m wire.Message, _ int) ([][]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
	return [][]byte{binary.BigEndian.AppendUint64(nil, uint64(len(c.messages)))}, nil
}

func (c *codec) Decode(_ string, piece []byte) (*wire.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(piece) != 8 {
		return nil, fmt.Errorf("expected 8 bytes, found %d", len(piece))
	}
	m := c.messages[binary.BigEndian.Uint64(piece)-1]
	return &m, nil
}
