package pump

// socket is the connection of a parked subscriber. Only its loop uses it, and nothing here waits.
type socket interface {
	// Watch has the events of the socket arrive in the loop's inbox, with the key k. The socket's state at the time of the call
	// arrives as an event too.
	Watch(k key) error
	// Write takes as many bytes of the pieces as it can now, and sends them. What it has taken may be pending: the kernel has not
	// taken all of it yet, and nothing more is taken before that. A later Write, also one without pieces, sends it first. Where
	// Write takes less than all without an error, or something is pending, the kernel takes no more until an event says that the
	// socket is writable. last says that nothing follows the pieces.
	Write(pieces [][]byte, last bool) (n int, pending bool, err error)
	// Waiting returns how many bytes that were taken the client has not acknowledged yet.
	Waiting() int
	// Left reports whether the client has said over TLS that it leaves. It is to be called when the client has sent something.
	Left() bool
	// Fault returns why the connection broke, or nil where the client has closed it.
	Fault() error
	// Close closes the connection. What is pending is lost.
	Close(how closing)
}

// transport is a socket below TLS.
type transport interface {
	socket
	// WatchAll does the same as Watch, and has the loop told when the client sends something.
	WatchAll(k key) error
	// Receive reads into p what the client has sent, and returns how many bytes. Where keep is true, the same bytes are read again
	// the next time.
	Receive(p []byte, keep bool) int
}

// closing is how a connection is closed.
type closing uint8

const (
	plainly    closing = iota // close(2)
	gracefully                // the client gets everything that was written, even where it has sent bytes that were not read
	atOnce                    // by a reset: bytes that the client has not got yet are dropped
)

// key identifies a socket. The generation tells its events from those of an earlier socket with the same slot.
type key struct{ slot, generation uint32 }

// event is what has happened to a socket.
type event struct {
	key      key
	writable bool // the kernel takes bytes again
	heard    bool // the client has sent something, and has sent it over TLS
	left     bool // the client has closed its side, or the connection broke
}
