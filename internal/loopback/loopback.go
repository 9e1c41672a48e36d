// Package loopback has addresses for the servers of tests.
package loopback

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
)

// networks is how many values the second byte of [Own] has.
const networks = 250

var calls atomic.Uint32

// Own returns a loopback address with the port 0 on which only its caller listens. A test uses it for a server that it stops. On
// 127.0.0.1 a server or a client of another test may be given the port as soon as it is free.
//
// The address is of the process, and of the call. Systems other than Linux have no other loopback address than 127.0.0.1.
func Own() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1:0"
	}
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d:0", 2+calls.Add(1)%networks, pid>>8&0xff, pid&0xff)
}
