package pump

// socket is the connection of a parked subscriber. Only its loop uses it, and nothing here waits.
type socket interface {
	// Watch makes what happens to the socket arrive in the loop's inbox, marked with k. What is so already arrives as well.
	Watch(k key) error
	// Write sends as much of the pieces as the kernel takes now. Less than all, without an error, means that it takes no more
	// until an event says that the socket is writable.
	Write(pieces [][]byte) (n int, err error)
	// Waiting is how many bytes the client has not acknowledged yet.
	Waiting() int
	// Fault is why the connection broke, nil where the client has closed it.
	Fault() error
	// Close gives the connection up.
	Close(how closing)
}

// closing is how a connection is given up.
type closing uint8

const (
	plainly    closing = iota // as the kernel does it
	gracefully                // so that the client gets all that was written, whatever it has sent itself
	atOnce                    // together with what the client has not got yet
)

// key tells the events of a socket from those of another that had its slot before.
type key struct{ slot, generation uint32 }

// event is what has happened to a socket.
type event struct {
	key      key
	writable bool // it takes something again
	left     bool // the client has closed its side, or the connection broke
}
