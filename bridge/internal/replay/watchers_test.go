package replay

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// One watcher stands elsewhere than the others, so each of them is stopped in turn.
func TestEachWatcherIsToldUntilItStops(t *testing.T) {
	for stopped := range 3 {
		t.Run(fmt.Sprint(stopped), func(t *testing.T) {
			var all watchers
			var calls [4]int
			watch := func(i int) (stop func()) { return all.add(WatcherFunc(func() { calls[i]++ })) }
			stops := []func(){watch(0), watch(1), watch(2)}
			all.notify()
			assert.Equal(t, [4]int{1, 1, 1, 0}, calls)

			stops[stopped]()
			stops[stopped]()
			want := [4]int{2, 2, 2, 0}
			want[stopped] = 1
			all.notify()
			assert.Equal(t, want, calls)

			stops = append(stops, watch(3))
			for i := range want {
				if i != stopped {
					want[i]++
				}
			}
			all.notify()
			assert.Equal(t, want, calls)
			for _, stop := range stops {
				stop()
			}
			all.notify()
			assert.Equal(t, want, calls)
			assert.Nil(t, all.one.Watcher)
			assert.Empty(t, all.more)
		})
	}
}

func TestAWatcherMayBeStoppedWhileAllAreTold(t *testing.T) {
	var all watchers
	var stops [3]func()
	calls := 0
	for i := range stops {
		stops[i] = all.add(WatcherFunc(func() {
			calls++
			for _, stop := range stops {
				stop()
			}
		}))
	}
	all.notify()
	assert.Equal(t, 3, calls, "calls that are under way when the watches end")
	all.notify()
	assert.Equal(t, 3, calls)
}
