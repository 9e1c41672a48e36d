package config

// The values of this file are the words that a configuration file has. The zero value of each type is none of them:
// [NewRoute] and [NewShare] fill in the defaults, and [Route.Validate] reports any other text.

// Balance says which of the addresses behind a target take the calls.
type Balance string

// The values of `balance`.
const (
	// BalanceRoundRobin spreads the calls evenly over all addresses. It is the default.
	BalanceRoundRobin Balance = "round_robin"
	// BalancePickFirst sends all calls to the first address that can be reached.
	BalancePickFirst Balance = "pick_first"
)

func balances() []Balance { return []Balance{BalanceRoundRobin, BalancePickFirst} }

// OnEnd says what follows when the upstream ends a stream with OK.
type OnEnd string

// The values of `on_end`.
const (
	// OnEndStop tells the browser that the stream is complete, so that it does not come back. It is the default.
	OnEndStop OnEnd = "stop"
	// OnEndReconnect tells the browser to come back.
	OnEndReconnect OnEnd = "reconnect"
	// OnEndReopen lets the bridge open the upstream stream again, and the browser sees nothing of it. A stream that belongs to
	// one browser is reopened only where the route has `event.id` and binds ${last_event_id}.
	OnEndReopen OnEnd = "reopen"
)

func onEnds() []OnEnd { return []OnEnd{OnEndStop, OnEndReconnect, OnEndReopen} }

// OpenErrors says how a browser is told of an error that comes before the first message.
type OpenErrors string

// The values of `open_errors`.
const (
	// OpenErrorsEvent answers 200 and sends the error as the event grpc-status, which a page can read. It is the default.
	OpenErrorsEvent OpenErrors = "event"
	// OpenErrorsHTTP answers with the HTTP status of the error. A page with an EventSource learns only that the request failed.
	OpenErrorsHTTP OpenErrors = "http"
)

func openErrors() []OpenErrors { return []OpenErrors{OpenErrorsEvent, OpenErrorsHTTP} }

// SlowClient says what happens to a client of a shared stream that is half the log behind.
type SlowClient string

// The values of `share.slow_client`.
const (
	// SlowClientDisconnect cuts the client off while the log still has what it needs to resume. It is the default.
	SlowClientDisconnect SlowClient = "disconnect"
	// SlowClientSkip leaves out the events that the client has not taken, tells it so, and goes on with the events that
	// [Share.LateJoin] gives a new client.
	SlowClientSkip SlowClient = "skip"
)

func slowClients() []SlowClient { return []SlowClient{SlowClientDisconnect, SlowClientSkip} }

// LateJoinMode says which events of a shared stream a client gets first that joins while the stream is running.
type LateJoinMode string

// The values of `share.late_join`.
const (
	// LateJoinLatest is the newest event.
	LateJoinLatest LateJoinMode = "latest"
	// LateJoinAll is all events that the log has.
	LateJoinAll LateJoinMode = "all"
	// LateJoinNone is no event: the client waits for the next one.
	LateJoinNone LateJoinMode = "none"
	// LateJoinLatestBy is the newest event for each value of [LateJoin.Field], in the order of the stream.
	LateJoinLatestBy LateJoinMode = "latest_by"
	// LateJoinSince is the newest event that has [LateJoin.Field], and all events after it.
	LateJoinSince LateJoinMode = "since"
)

// lateJoinWords returns the modes that the file gives as a word. The others need a field, and the file gives them as keys.
func lateJoinWords() []LateJoinMode {
	return []LateJoinMode{LateJoinLatest, LateJoinAll, LateJoinNone}
}

// needsField reports whether a mode needs [LateJoin.Field].
func (m LateJoinMode) needsField() bool { return m == LateJoinLatestBy || m == LateJoinSince }

// Verdict says whether a browser comes back after a stream has ended with an error.
type Verdict string

// The verdicts of `status`.
const (
	// Stop tells the browser not to come back.
	Stop Verdict = "stop"
	// Reconnect tells the browser to come back.
	Reconnect Verdict = "reconnect"
)

func verdicts() []Verdict { return []Verdict{Stop, Reconnect} }

// IOUring says whether parked connections are written to by io_uring.
type IOUring string

// The values of `server.io_uring`.
const (
	// IOUringAuto uses io_uring where the system allows it. It is the default.
	IOUringAuto IOUring = "auto"
	// IOUringOff writes to each connection by itself.
	IOUringOff IOUring = "off"
)

func ioUrings() []IOUring { return []IOUring{IOUringAuto, IOUringOff} }

// StatusCode is the name of a gRPC status code that is an error, as google.rpc.Code has it.
type StatusCode string

// The keys of `status`. OK is not among them, since [Route.OnEnd] says what follows it.
const (
	StatusCancelled          StatusCode = "CANCELLED"
	StatusUnknown            StatusCode = "UNKNOWN"
	StatusInvalidArgument    StatusCode = "INVALID_ARGUMENT"
	StatusDeadlineExceeded   StatusCode = "DEADLINE_EXCEEDED"
	StatusNotFound           StatusCode = "NOT_FOUND"
	StatusAlreadyExists      StatusCode = "ALREADY_EXISTS"
	StatusPermissionDenied   StatusCode = "PERMISSION_DENIED"
	StatusResourceExhausted  StatusCode = "RESOURCE_EXHAUSTED"
	StatusFailedPrecondition StatusCode = "FAILED_PRECONDITION"
	StatusAborted            StatusCode = "ABORTED"
	StatusOutOfRange         StatusCode = "OUT_OF_RANGE"
	StatusUnimplemented      StatusCode = "UNIMPLEMENTED"
	StatusInternal           StatusCode = "INTERNAL"
	StatusUnavailable        StatusCode = "UNAVAILABLE"
	StatusDataLoss           StatusCode = "DATA_LOSS"
	StatusUnauthenticated    StatusCode = "UNAUTHENTICATED"
)

func statusCodes() []StatusCode {
	return []StatusCode{
		StatusCancelled, StatusUnknown, StatusInvalidArgument, StatusDeadlineExceeded, StatusNotFound, StatusAlreadyExists,
		StatusPermissionDenied, StatusResourceExhausted, StatusFailedPrecondition, StatusAborted, StatusOutOfRange,
		StatusUnimplemented, StatusInternal, StatusUnavailable, StatusDataLoss, StatusUnauthenticated,
	}
}

// Algorithm is an algorithm with which a token is signed (RFC 7518, 3.1). All of them have a public key, so that the key that
// verifies a token cannot make one.
type Algorithm string

// The values of `algorithms`.
const (
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	EdDSA Algorithm = "EdDSA"
)

func algorithms() []Algorithm {
	return []Algorithm{RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512, EdDSA}
}

// TokenPlace is a part of a request in which a token may stand.
type TokenPlace string

// The values before the colon in `from`.
const (
	// InHeader is the header Authorization, with the scheme Bearer.
	InHeader TokenPlace = "header"
	// InCookie is a cookie.
	InCookie TokenPlace = "cookie"
	// InQuery is a parameter of the query. The token ends up in the history of the browser and in the logs of proxies, so its
	// lifetime should be short. The bridge removes it from everything that it passes on or logs.
	InQuery TokenPlace = "query"
)
