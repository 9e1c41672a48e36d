package catalog

import (
	"crypto/rand"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// serviceBackend returns the backend for a service of this process.
func serviceBackend(s source.Service, runner *source.Runner) (*backend, *config.Problem) {
	sd, err := s.Descriptor()
	if err != nil {
		return nil, serviceProblem(s, err.Error())
	}
	snap, err := schema.FromProgram(sd)
	if err != nil {
		return nil, serviceProblem(s, err.Error())
	}
	u := &backend{
		cfg:    &config.Upstream{Name: source.InProcess},
		source: s.Source(runner),

		registration: rand.Text(),
		tried:        make(chan struct{}),
		snapshot:     snap,
	}
	u.markTried()
	return u, nil
}

// serviceProblem returns a problem of a service that was passed to bridge.WithService.
func serviceProblem(s source.Service, message string) *config.Problem {
	return &config.Problem{Path: "bridge.WithService(" + s.Name() + ")", Message: message}
}
