package cluster_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

func TestAKeyHasNoGoroutine(t *testing.T) {
	const keys = manyKeys
	bubble(t, func(r *rig) {
		a, b := r.start(cluster.Options{}), r.start(cluster.Options{})
		r.after(time.Second)
		before := runtime.NumGoroutine()
		var seats []fanout.Seat
		for _, p := range []*replica{a, b} {
			for i := range keys {
				seats = append(seats, p.node.Enter(fmt.Sprint(i), clustertest.NewMember(p.Name, r.up)))
			}
			r.after(time.Second)
		}
		count := map[cluster.Role]int{}
		for _, p := range []*replica{a, b} {
			for _, s := range p.node.Streams() {
				assert.Equal(t, "r0", s.Owner)
				count[s.Role]++
			}
		}
		assert.Equal(t, map[cluster.Role]int{cluster.Owner: keys, cluster.Follower: keys}, count)
		r.after(10 * time.Second)
		assert.LessOrEqual(t, runtime.NumGoroutine(), before+2, "one more watches the owner")
		for _, seat := range seats {
			seat.Leave()
		}
		r.after(time.Second)
		assert.LessOrEqual(t, runtime.NumGoroutine(), before)
		assert.Equal(t, 6, r.hub.Subscriptions())
		assert.Equal(t, 0, r.hub.Entries())
	})
}
