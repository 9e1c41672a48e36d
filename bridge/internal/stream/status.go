package stream

import (
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// unbound returns the ending for a request that cannot be bound to the request message.
func unbound(err error) *ending.Ending {
	code := ending.InvalidArgument
	if bad := (*bind.Error)(nil); errors.As(err, &bad) && bad.MissingCredential {
		code = ending.Unauthenticated
	}
	return ending.Refuse(code, ending.ByRequest, err.Error())
}

// upstreamEnded returns the ending for a status of the upstream, by the rules of the route.
func upstreamEnded(rt *route.Route, st *status.Status) *ending.Ending {
	e := ending.Refuse(ending.CodeOf(uint32(st.Code())), ending.ByUpstream, cutMessage(st.Message()))
	if (e.Code.ServerFault() || byTransport(st)) && !rt.Config.ExposeErrors {
		e.Message = e.Code.NeutralMessage()
	} else {
		e.Details = detailsJSON(cutDetails(st.Proto().GetDetails()), rt.Types())
	}
	if verdict, ok := rt.Config.Status[config.StatusCode(e.Code.String())]; ok {
		e.Retry = verdict == config.Reconnect
	}
	if e.Code == ending.OK {
		e.Retry = rt.Config.OnEnd == config.OnEndReconnect
	}
	return e
}

// byTransport reports whether gRPC in this process made the status from an HTTP status or a stream reset. The message of such a
// status quotes what a proxy between the bridge and the server sent.
func byTransport(st *status.Status) bool {
	return strings.HasPrefix(st.Message(), "unexpected HTTP status code received from server") ||
		strings.HasPrefix(st.Message(), "stream terminated by RST_STREAM")
}

// Bounds of a status that is sent to a browser. Few servers can send more than 8 KiB of trailers, but gRPC accepts 16 MiB.
const (
	maxMessageBytes = 16 << 10
	maxDetailBytes  = 64 << 10 // all details together, in the wire format
)

func cutMessage(message string) string {
	if len(message) <= maxMessageBytes {
		return message
	}
	return message[:maxMessageBytes] + "…"
}

// cutDetails returns the details before the one that exceeds the bound.
func cutDetails(details []*anypb.Any) []*anypb.Any {
	size := 0
	for i, detail := range details {
		if size += len(detail.GetTypeUrl()) + len(detail.GetValue()); size > maxDetailBytes {
			return details[:i]
		}
	}
	return details
}

// unreadable returns the ending for a message that cannot become an event. A client that came back would receive the message
// again, so the ending does not ask clients to come back.
func unreadable(err error) *ending.Ending {
	message := "a message of the upstream cannot be read"
	var tooLarge *eventTooLargeError
	switch {
	case errors.As(err, &tooLarge):
		message = tooLarge.Error()
	case errors.Is(err, source.ErrMessageTooLarge):
		message = source.ErrMessageTooLarge.Error()
	}
	end := ending.Refuse(ending.DataLoss, ending.ByMessage, message)
	end.Cause = err
	return end
}

// maxDetailJSON bounds all details of a status together, as JSON.
const maxDetailJSON = 4 * maxDetailBytes

// detailsJSON renders details as JSON, up to the one that exceeds the bound. A detail whose type the resolver does not know is
// rendered as its bytes in base64.
func detailsJSON(details []*anypb.Any, types transcode.Resolver) []json.RawMessage {
	if len(details) == 0 {
		return nil
	}
	t, err := transcode.New(details[0].ProtoReflect().Descriptor(), transcode.Options{Resolver: types, MaxBytes: maxDetailJSON})
	if err != nil {
		return nil // cannot happen for the linked descriptor of Any
	}
	var out []json.RawMessage
	size := 0
	for _, detail := range details {
		rendered, err := detailJSON(t, detail)
		if size += len(rendered); err != nil || size > maxDetailJSON {
			return out
		}
		out = append(out, rendered)
	}
	return out
}

// detailJSON renders one detail. A detail that cannot be parsed as its type is rendered as its bytes in base64.
func detailJSON(t *transcode.Transcoder, detail *anypb.Any) ([]byte, error) {
	wire, err := proto.Marshal(detail)
	if err == nil {
		var out []byte
		if out, err = t.AppendJSON(nil, wire); err == nil || errors.Is(err, transcode.ErrTooLarge) {
			return out, err
		}
	}
	return json.Marshal(map[string]any{"@type": detail.GetTypeUrl(), "value": detail.GetValue()})
}

// limitOf returns the limit of an upstream that an error says was reached.
func limitOf(err error) ending.Limit {
	switch {
	case errors.Is(err, upstream.ErrTooManyStreams):
		return ending.UpstreamStreams
	case errors.Is(err, upstream.ErrTooManyWait):
		return ending.UpstreamWaiting
	}
	return ending.NoLimit
}

// notOpened returns the ending for a stream that could not be opened.
func notOpened(rt *route.Route, err error) *ending.Ending {
	if at := limitOf(err); at != ending.NoLimit {
		end := ending.AtLimit(at)
		end.Cause = err
		return end
	}
	if errors.Is(err, upstream.ErrNoSlot) {
		end := ending.Refuse(ending.Unavailable, ending.ByLimit, ending.UpstreamSlots.Message())
		end.Limit, end.Cause = ending.UpstreamSlots, err
		return end
	}
	return upstreamEnded(rt, source.StatusOf(err))
}
