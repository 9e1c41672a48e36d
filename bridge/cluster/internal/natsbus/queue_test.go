package natsbus

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
)

func TestAQueueIsBoundedByNumberAndSize(t *testing.T) {
	for name, tt := range map[string]struct{ size, offered, kept int }{
		"few":                                {100, 10, 10},
		"many":                               {100, mostQueued + 10, mostQueued},
		"large ones":                         {mostQueuedBytes / 4, 10, 4},
		"one that is larger than all may be": {mostQueuedBytes + 1, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue()
			data := make([]byte, tt.size)
			for range 2 { // what was taken makes room
				var sent []*nats.Msg
				for range tt.offered {
					m := &nats.Msg{Data: data}
					sent = append(sent, m)
					q.add(m)
				}
				assert.Len(t, q.wake, 1)
				<-q.wake
				got := q.take(nil)
				assert.Len(t, got, tt.kept)
				assert.Same(t, sent[tt.kept-1], got[tt.kept-1], "in their order")
			}
		})
	}
}
