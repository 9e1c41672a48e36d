package cluster

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What others send is bounded, by its number and its bytes. What the replica needs itself is not dropped.
func TestAMailboxDropsOnlyWhatOthersSend(t *testing.T) {
	for name, tt := range map[string]struct {
		size, offered, kept int
	}{
		"few":                                {10, 100, 100},
		"many":                               {10, mostMails + 5, mostMails},
		"large ones":                         {mostMailBytes / 4, 10, 4},
		"one that is larger than all may be": {2 * mostMailBytes, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := mailbox{wake: make(chan struct{}, 1)}
			for range 2 {
				for range tt.offered {
					b.offer(tt.size, func() {})
				}
				b.post(func() {})
				mails, _, open := b.take(nil, nil)
				assert.Len(t, mails, tt.kept+1)
				assert.True(t, open)
			}
			b.close()
			b.post(func() {})
			mails, _, open := b.take(nil, nil)
			assert.Empty(t, mails)
			assert.False(t, open)
		})
	}
}

func TestASeatIsReadyOnce(t *testing.T) {
	b := mailbox{wake: make(chan struct{}, 1)}
	s := &seat{}
	b.call(s)
	b.call(s)
	_, ready, _ := b.take(nil, nil)
	assert.Equal(t, []*seat{s}, ready)
}
