// Package stack has the stack of a goroutine grow before it must.
//
// Go gives a goroutine that begins a small stack, and copies it to one of twice the size when a call needs more. Each frame that is on the
// stack then must be adjusted. A goroutine that is known to call deeply pays less for that while few frames are on its stack.
package stack

// Grow2KiB has the stack of the calling goroutine have room for another 2 KiB.
func Grow2KiB() { room2KiB(0) }

// Grow4KiB has the stack of the calling goroutine have room for another 4 KiB.
func Grow4KiB() { room4KiB(0) }

// The array must be used, or the compiler leaves it out.

//go:noinline
func room2KiB(i int) byte {
	var room [2 << 10]byte
	room[i&(len(room)-1)] = 1
	return room[(i+1)&(len(room)-1)]
}

//go:noinline
func room4KiB(i int) byte {
	var room [4 << 10]byte
	room[i&(len(room)-1)] = 1
	return room[(i+1)&(len(room)-1)]
}
