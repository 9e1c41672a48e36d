package app

import (
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/front"
)

// frontSettings returns the settings of the public listener.
func frontSettings(cfg *config.Config) front.Settings {
	upstreams := 0
	for _, u := range cfg.Upstreams {
		upstreams += u.MaxConnections
	}
	return front.Settings{
		Server: cfg.Server, Room: front.RoomFor(front.Descriptors(), cfg.Server.Connections, upstreams),
	}
}

// sayRoom logs how many connections there may be.
func sayRoom(log *slog.Logger, s front.Settings) {
	if configured := s.Server.Connections; configured > s.Room.Connections {
		log.Warn("server.limits.connections is more than the file descriptors allow", "configured", configured,
			"used", s.Room.Connections, "descriptors", s.Room.Descriptors, "hint", "raise the limit of open files (ulimit -n)")
		return
	}
	log.Info("room for connections", "connections", s.Room.Connections, "descriptors", s.Room.Descriptors)
}
