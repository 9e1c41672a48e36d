package wire

import "errors"

// These are the kinds of messages that a replica cannot read, and of those that it cannot write. The errors of this package
// wrap one of them, and repeat nothing of a message but numbers.
var (
	// ErrForeign says that a message is none of a bridge. Another program uses the subjects of the cluster.
	ErrForeign = errors.New("wire: not a message of a bridge")
	// ErrVersion says that a bridge of another version of the format has sent a message.
	ErrVersion = errors.New("wire: another version of the format")
	// ErrSecret says that a message was sealed with another secret, or for a cluster of another name.
	ErrSecret = errors.New("wire: sealed with another secret, or for a cluster of another name")
	// ErrSeal says that one replica seals its messages and the other one does not.
	ErrSeal = errors.New("wire: all replicas must seal their messages, or none")
	// ErrTampered says that a sealed message was changed, or that it was sent on another subject than the one it was made
	// for.
	ErrTampered = errors.New("wire: the message was changed, or made for another subject")
	// ErrMalformed says that a message does not have the format of its version.
	ErrMalformed = errors.New("wire: malformed message")
	// ErrIncomplete says that a piece came whose message has lost an earlier piece. The rest of the message is of no use.
	ErrIncomplete = errors.New("wire: an earlier piece of the message is missing")
	// ErrTooLarge says that a message is over the greatest size.
	ErrTooLarge = errors.New("wire: message too large")
)
