package ending

import "strings"

// Code is a status code of gRPC. This package knows the numbers, but not gRPC.
type Code uint32

// These are the codes of gRPC ("Status codes and their use in gRPC").
const (
	OK Code = iota
	Canceled
	Unknown
	InvalidArgument
	DeadlineExceeded
	NotFound
	AlreadyExists
	PermissionDenied
	ResourceExhausted
	FailedPrecondition
	Aborted
	OutOfRange
	Unimplemented
	Internal
	Unavailable
	DataLoss
	Unauthenticated
)

// CodeOf returns the code with a number. The result is Unknown for a number that gRPC does not have.
func CodeOf(number uint32) Code {
	if number > uint32(Unauthenticated) {
		return Unknown
	}
	return Code(number)
}

// rule is what a code means to an HTTP client.
type rule struct {
	name  string // the canonical name, as google.rpc.Code has it
	http  int    // the HTTP status, by the mapping in google.rpc.Code
	retry bool   // whether an EventSource should come back
	// serverFault says that the message describes the server rather than the request. It may hold addresses, queries or stack
	// traces, and reaches the browser only where the route allows it.
	serverFault bool
}

// rules is the only table from gRPC codes to HTTP statuses and to what the browser should do.
var rules = [...]rule{
	OK:                 {name: "OK", http: 200},
	Canceled:           {name: "CANCELLED", http: 499, retry: true},
	Unknown:            {name: "UNKNOWN", http: 500, retry: true, serverFault: true},
	InvalidArgument:    {name: "INVALID_ARGUMENT", http: 400},
	DeadlineExceeded:   {name: "DEADLINE_EXCEEDED", http: 504, retry: true, serverFault: true},
	NotFound:           {name: "NOT_FOUND", http: 404},
	AlreadyExists:      {name: "ALREADY_EXISTS", http: 409},
	PermissionDenied:   {name: "PERMISSION_DENIED", http: 403},
	ResourceExhausted:  {name: "RESOURCE_EXHAUSTED", http: 429, retry: true},
	FailedPrecondition: {name: "FAILED_PRECONDITION", http: 400},
	Aborted:            {name: "ABORTED", http: 409, retry: true},
	OutOfRange:         {name: "OUT_OF_RANGE", http: 400},
	Unimplemented:      {name: "UNIMPLEMENTED", http: 501, serverFault: true},
	Internal:           {name: "INTERNAL", http: 500, retry: true, serverFault: true},
	Unavailable:        {name: "UNAVAILABLE", http: 503, retry: true, serverFault: true},
	DataLoss:           {name: "DATA_LOSS", http: 500, serverFault: true},
	Unauthenticated:    {name: "UNAUTHENTICATED", http: 401},
}

func (c Code) rule() rule { return rules[CodeOf(uint32(c))] }

// String returns the canonical name, as google.rpc.Code has it: "CANCELLED" for [Canceled].
func (c Code) String() string { return c.rule().name }

// Retry reports whether an EventSource should come back after an end with this code, unless the route says otherwise.
func (c Code) Retry() bool { return c.rule().retry }

// ServerFault reports whether the message of a status with this code describes the server rather than the request. Such a
// message may hold addresses, queries or stack traces.
func (c Code) ServerFault() bool { return c.rule().serverFault }

// NeutralMessage returns the message that a browser gets in place of one that describes the server.
func (c Code) NeutralMessage() string {
	switch CodeOf(uint32(c)) {
	case Unavailable:
		return "the upstream is unavailable"
	case DeadlineExceeded:
		return "the upstream did not finish in time"
	case Internal:
		return "the upstream had an internal error"
	case Unknown:
		return "the upstream failed with an unknown error"
	}
	return "the upstream answered " + strings.ToLower(strings.ReplaceAll(c.String(), "_", " "))
}
