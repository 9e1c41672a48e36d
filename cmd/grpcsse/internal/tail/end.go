package tail

import (
	"errors"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// StatusError says that the gRPC stream behind the stream has ended with an error.
type StatusError struct{ Status sseclient.Status }

// Error implements error. What it says is printable.
func (e *StatusError) Error() string { return "the stream ended: " + e.Status.String() }

// ExitCode returns that of the status.
func (e *StatusError) ExitCode() int { return e.Status.ExitCode() }

var (
	errEnded   = errors.New("the stream ended")
	errGoodEnd = errors.New("the stream ended: OK")
)

// endOf returns how a stream has ended that had this status.
func endOf(status *sseclient.Status) error {
	switch {
	case status.Code != 0:
		return &StatusError{*status}
	case status.Retry:
		return errEnded
	}
	return errGoodEnd
}

// reasonOf says why a connection has ended.
func reasonOf(err error) string {
	var ended *StatusError
	if errors.As(err, &ended) {
		return ended.Error()
	}
	return printable.Short(err.Error(), 300)
}

// writeError says that an event could not be printed.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }
