package serve

import (
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// serverSettings are the settings under `server` as requests need them. They do not change: [Handler.Apply] replaces them whole.
type serverSettings struct {
	hosts        request.Hosts
	proxies      request.Proxies
	streams      int   // how many streams may be open, 0 for no limit
	requestBytes int64 // the largest body of a request
	limits       limits
}

func newServerSettings(server config.Server) *serverSettings {
	return &serverSettings{
		hosts:        request.NewHosts(server.Hosts),
		proxies:      request.NewProxies(server.TrustedProxies),
		streams:      streamLimit(server.Streams),
		requestBytes: int64(server.RequestBytes),
		limits:       newLimits(server),
	}
}

// Apply replaces the settings under `server`. They apply to requests that arrive afterwards. Streams that are open stay open,
// also where a limit is now lower than their number.
func (h *Handler) Apply(server config.Server) {
	h.server.Store(newServerSettings(server))
	h.access.Set(accessSettings(server.AccessLog))
}
