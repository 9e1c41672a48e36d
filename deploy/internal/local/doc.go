// Package local has what the tests of the deployment start on this machine: programs, the bridge itself, a gRPC server, and
// pages that listen as an EventSource does. All of it listens on the loopback address and ends with its test.
package local

import "time"

// Soon is how long anything may take in these tests.
const Soon = 30 * time.Second

// soonAgain is how long a test waits before it looks again.
const soonAgain = 20 * time.Millisecond
