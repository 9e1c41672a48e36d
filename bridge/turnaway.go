package bridge

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/internal/serve"
)

// TurnAway returns a context for requests for which the program has no room, for example because too many connections are open.
// A bridge gives such a request no stream. It answers as it does over a limit of its own: an EventSource is told to come back,
// and all other clients receive the status 429. Use TurnAway in the ConnContext of an [http.Server], or in a handler in front of
// the bridge.
func TurnAway(ctx context.Context) context.Context { return serve.TurnAway(ctx) }
