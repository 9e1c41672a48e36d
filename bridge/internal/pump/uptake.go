package pump

import (
	"math"
	"time"
)

// OverduePatience is how long a client that is too far behind may take nothing, or take too little to come nearer, before it is
// cut off. A burst may be larger than a socket's buffer, so that even the fastest client takes nothing for a moment.
const OverduePatience = 250 * time.Millisecond

// uptake is what a pump knows of how its client takes what is written to it.
type uptake struct {
	asked         time.Duration // when the cursor was last asked whether the client is overdue
	bytes, events float32       // of what was written lately
}

// due reports whether the cursor is to be asked now. It is asked at most once in OverduePatience, since that takes a lock that
// all subscribers of a stream share.
func (u *uptake) due(now time.Duration) bool {
	if now-u.asked < OverduePatience {
		return false
	}
	u.asked = now
	return true
}

// wrote counts what was written. The older a write is, the less it counts: a stream may begin with a large snapshot.
func (u *uptake) wrote(bytes, events int) {
	if u.events >= lately {
		u.bytes, u.events = u.bytes/2, u.events/2
	}
	u.bytes, u.events = u.bytes+float32(bytes), u.events+float32(events)
}

// lately is how many events an uptake counts in full.
const lately = 64

// lacking returns about how many events have so many bytes on the client's connection.
func (u *uptake) lacking(bytes int) (events int) {
	if u.bytes == 0 {
		return 0
	}
	return int(math.Ceil(float64(bytes) * float64(u.events) / float64(u.bytes)))
}
