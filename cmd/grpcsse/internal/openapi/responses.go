package openapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// answer is an HTTP status with which a bridge answers a request that gets no stream.
type answer struct {
	status int
	about  string
	// again says that the client may come back after the time in Retry-After.
	again bool
}

// statusClientLeft is the status for the code CANCELLED, which HTTP does not have.
const statusClientLeft = 499

// answers returns all statuses with a body. The codes of gRPC that a server ends a stream with, before its first message, lead to all but
// 413, 415 and 421.
func answers() []answer {
	return []answer{
		{status: http.StatusBadRequest, about: "The request does not fit: a parameter has a wrong type, or the server refuses a value (INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE)."},
		{status: http.StatusUnauthorized, about: "The caller is not known, or the credentials have expired (UNAUTHENTICATED)."},
		{status: http.StatusForbidden, about: "The caller may not read this stream, or the page has an origin that may not (PERMISSION_DENIED)."},
		{status: http.StatusNotFound, about: "There is no such thing (NOT_FOUND)."},
		{status: http.StatusConflict, about: "The server has refused the stream (ALREADY_EXISTS, ABORTED).", again: true},
		{status: http.StatusRequestEntityTooLarge, about: "The body is too large."},
		{status: http.StatusUnsupportedMediaType, about: "The body has no Content-Type: application/json."},
		{status: http.StatusMisdirectedRequest, about: "The bridge does not serve the host of the request."},
		{status: http.StatusTooManyRequests, about: "The caller has too many streams open, opens them too often, or the server has no room (RESOURCE_EXHAUSTED).", again: true},
		{status: statusClientLeft, about: "The stream was cancelled before its first message (CANCELLED).", again: true},
		{status: http.StatusInternalServerError, about: "The server has failed (INTERNAL, UNKNOWN, DATA_LOSS).", again: true},
		{status: http.StatusNotImplemented, about: "The server does not have the method (UNIMPLEMENTED)."},
		{status: http.StatusServiceUnavailable, about: "The server cannot be reached, or the bridge is full or shuts down (UNAVAILABLE).", again: true},
		{status: http.StatusGatewayTimeout, about: "The server has not answered in time (DEADLINE_EXCEEDED).", again: true},
	}
}

// responses returns the answers of an operation.
func (b *builder) responses(r contract.Route, method string) map[string]*response {
	all := map[string]*response{"200": b.stream(r)}
	if b.api.Target == V32 { // generators that read 3.1 would make the data of each event optional because of it
		all["204"] = &response{Ref: refTo("responses", "204")}
		b.statuses[http.StatusNoContent] = true
	}
	for _, a := range answers() {
		switch a.status {
		case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
			if method != http.MethodPost {
				continue
			}
		case http.StatusMisdirectedRequest:
			if !b.api.Hosts {
				continue
			}
		}
		b.statuses[a.status] = true
		all[strconv.Itoa(a.status)] = &response{Ref: refTo("responses", strconv.Itoa(a.status))}
	}
	b.addStatus()
	return all
}

// sharedResponses returns the answers that operations refer to.
func (b *builder) sharedResponses() map[string]*response {
	all := map[string]*response{}
	if b.statuses[http.StatusNoContent] {
		all["204"] = &response{Description: "The stream has ended for good, and the client has come back with the id of its end. " +
			"An EventSource stops."}
	}
	for _, a := range answers() {
		if !b.statuses[a.status] {
			continue
		}
		out := &response{
			Description: a.about, Content: inJSON(schemaRef(statusName)),
			Headers: map[string]*header{},
		}
		if a.again {
			out.Headers["Retry-After"] = &header{
				Description: "How many seconds the client waits before it comes back, where coming back makes sense.",
				Schema:      &schema{Type: "integer", Minimum: new(int)},
			}
		}
		if a.status == http.StatusUnauthorized {
			out.Headers["WWW-Authenticate"] = &header{Schema: &schema{Type: "string"}}
		}
		all[strconv.Itoa(a.status)] = out
	}
	return all
}

// stream describes the answer with a stream.
func (b *builder) stream(r contract.Route) *response {
	data := b.data(r)
	out := &response{Headers: map[string]*header{}}
	about := []string{"The stream."}
	events := b.events(r) // with the schemas of the bridge's own events, for 3.1 too
	if b.api.Target == V32 {
		out.Content = content{
			{"text/event-stream", mediaType{ItemSchema: events}}, {"application/x-ndjson", mediaType{ItemSchema: data}},
		}
	} else {
		out.Content = content{{"text/event-stream", mediaType{Schema: data}}, {"application/x-ndjson", mediaType{Schema: data}}}
		about = append(about, "The schema is that of the data of one event, or of one line. "+
			"A client that comes back with the id of the end of the stream gets the status 204, without a body.")
	}
	about = append(about, namesInWords(r.Events))
	if own := b.ownEvents(r); len(own) > 0 {
		about = append(about, "Events of the bridge: "+quoted(own)+".")
	}
	if r.Config.OpenErrors == config.OpenErrorsHTTP {
		about = append(about, "An EventSource, too, gets an error before the first message as HTTP status.")
	}
	for _, name := range r.Config.Metadata.Expose {
		out.Headers[name] = &header{Schema: &schema{Type: "string"}}
	}
	out.Description = strings.Join(about, " ")
	return out
}

// namesInWords says which names the events with messages have.
func namesInWords(n contract.Names) string {
	var known []string
	for _, name := range n.Known {
		known = append(known, name.Text)
	}
	switch {
	case n.Any:
		return "The names of events are text of the messages."
	case len(known) == 0 && n.Numbers:
		return "The names of events are numbers of the messages."
	case len(known) == 0:
		return "Events have no name."
	case n.Numbers:
		return "Events have one of the names " + quoted(known) + ", a number, or none."
	case n.Unnamed:
		return "Events have one of the names " + quoted(known) + ", or none."
	case len(known) == 1:
		return "Events have the name " + quoted(known) + "."
	}
	return "Events have one of the names " + quoted(known) + "."
}

// shownNames is how many names a description lists.
const shownNames = 20

func quoted(names []string) string {
	more := ""
	if len(names) > shownNames {
		names, more = names[:shownNames], ", …"
	}
	return "`" + strings.Join(names, "`, `") + "`" + more
}
