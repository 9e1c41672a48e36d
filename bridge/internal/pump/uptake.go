package pump

import (
	"math"
	"time"
)

// OverduePatience is how long a client that is too far behind may take nothing, or too little to come nearer, before it is cut
// off. A burst may be larger than a socket's buffer: even the fastest client then takes nothing for a moment.
const OverduePatience = 250 * time.Millisecond

// uptake is what a pump knows about how its client takes what is written.
type uptake struct {
	asked         time.Duration // when the cursor was last asked whether the client is overdue
	bytes, events float32       // how much was written lately
	// most is the most that the kernel can hold, in bytes: what it held at the last look, and what was written since. It is at
	// most lookAgain, which stands for any number.
	most   int32
	looked bool // there was a look
}

// due reports whether the cursor is asked now. It is asked at most once in OverduePatience, because asking takes a lock that
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
	u.most = int32(min(int(u.most)+bytes, lookAgain))
}

// fewWaiting reports whether the kernel holds few bytes at the most, so that they need not be looked at.
func (u *uptake) fewWaiting() bool { return u.looked && u.most < lookAgain }

// saw notes how many bytes the kernel holds.
func (u *uptake) saw(waiting int) { u.looked, u.most = true, int32(min(waiting, lookAgain)) }

// lookAgain is how many bytes may be written before the next look. It is half of what the kernel holds by default.
const lookAgain = 64 << 10

// lately is how many events an uptake counts in full.
const lately = 64

// lacking returns about how many events so many bytes on the client's connection are.
func (u *uptake) lacking(bytes int) (events int) {
	if u.bytes == 0 {
		return 0
	}
	return int(math.Ceil(float64(bytes) * float64(u.events) / float64(u.bytes)))
}
