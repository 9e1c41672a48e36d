package pump

// socket is the connection of a parked subscriber. Only its loop uses it, and nothing here waits.
type socket interface {
	// Watch makes the events of the socket arrive in the loop's inbox, marked with k. Its state at the time of the call arrives
	// as an event too.
	Watch(k key) error
	// Write sends as much of the pieces as the kernel takes now. Less than all, without an error, means that it takes no more
	// until an event says that the socket is writable.
	Write(pieces [][]byte) (n int, err error)
	// Waiting returns how many bytes the client has not acknowledged yet.
	Waiting() int
	// Fault returns why the connection broke, nil where the client has closed it.
	Fault() error
	// Close gives the connection up.
	Close(how closing)
}

// closing is how a connection is given up.
type closing uint8

const (
	plainly    closing = iota // close(2)
	gracefully                // the client gets all that was written, even where it has sent bytes that nothing has read
	atOnce                    // by a reset: bytes that the client has not got yet are dropped
)

// key identifies a socket. The generation tells its events from those of an earlier socket that had the same slot.
type key struct{ slot, generation uint32 }

// event is what has happened to a socket.
type event struct {
	key      key
	writable bool // it takes something again
	left     bool // the client has closed its side, or the connection broke
}
