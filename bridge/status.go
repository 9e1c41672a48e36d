package bridge

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
)

// rule is what a gRPC code means to those who speak HTTP.
type rule struct {
	name  string // canonical name, as google.rpc.Code has it
	http  int    // status where one is still possible, after google.rpc.Code's own mapping
	retry bool   // whether an EventSource should come back
	// serverFault says that the message describes the server rather than the request: it may hold addresses, queries or
	// stack traces, and reaches the browser only where the route allows it.
	serverFault bool
}

// ruleOf is the one table: gRPC code, HTTP status, and what the browser should do.
func ruleOf(code codes.Code) rule {
	switch code {
	case codes.OK:
		return rule{name: "OK", http: http.StatusOK}
	case codes.Canceled:
		return rule{name: "CANCELLED", http: statusClientClosedRequest, retry: true}
	case codes.InvalidArgument:
		return rule{name: "INVALID_ARGUMENT", http: http.StatusBadRequest}
	case codes.DeadlineExceeded:
		return rule{name: "DEADLINE_EXCEEDED", http: http.StatusGatewayTimeout, retry: true, serverFault: true}
	case codes.NotFound:
		return rule{name: "NOT_FOUND", http: http.StatusNotFound}
	case codes.AlreadyExists:
		return rule{name: "ALREADY_EXISTS", http: http.StatusConflict}
	case codes.PermissionDenied:
		return rule{name: "PERMISSION_DENIED", http: http.StatusForbidden}
	case codes.ResourceExhausted:
		return rule{name: "RESOURCE_EXHAUSTED", http: http.StatusTooManyRequests, retry: true}
	case codes.FailedPrecondition:
		return rule{name: "FAILED_PRECONDITION", http: http.StatusBadRequest}
	case codes.Aborted:
		return rule{name: "ABORTED", http: http.StatusConflict, retry: true}
	case codes.OutOfRange:
		return rule{name: "OUT_OF_RANGE", http: http.StatusBadRequest}
	case codes.Unimplemented:
		return rule{name: "UNIMPLEMENTED", http: http.StatusNotImplemented, serverFault: true}
	case codes.Internal:
		return rule{name: "INTERNAL", http: http.StatusInternalServerError, retry: true, serverFault: true}
	case codes.Unavailable:
		return rule{name: "UNAVAILABLE", http: http.StatusServiceUnavailable, retry: true, serverFault: true}
	case codes.DataLoss:
		return rule{name: "DATA_LOSS", http: http.StatusInternalServerError, serverFault: true}
	case codes.Unauthenticated:
		return rule{name: "UNAUTHENTICATED", http: http.StatusUnauthorized}
	default:
		return rule{name: "UNKNOWN", http: http.StatusInternalServerError, retry: true, serverFault: true}
	}
}

// statusClientClosedRequest is the status that google.rpc.Code gives CANCELLED; net/http has no name for it.
const statusClientClosedRequest = 499

// neutral is what a browser reads in place of a message that describes the server.
func (r rule) neutral() string {
	switch r.name {
	case "UNAVAILABLE":
		return "the upstream is unavailable"
	case "DEADLINE_EXCEEDED":
		return "the upstream did not finish in time"
	case "INTERNAL":
		return "the upstream had an internal error"
	case "UNKNOWN":
		return "the upstream failed with an unknown error"
	}
	return "the upstream answered " + strings.ToLower(strings.ReplaceAll(r.name, "_", " "))
}
