package app

import (
	"context"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/typescript"
)

// typesCommand is `grpcsse types`: TypeScript declarations for the routes, on standard output.
type typesCommand struct {
	derived

	Standalone bool `help:"Leave out what needs the npm package grpcsse: for pages that use an EventSource."`
}

// Run implements the command.
func (c *typesCommand) Run(ctx context.Context, t *terminal) error {
	_, routes, err := c.routes(ctx, t, "types")
	if err != nil {
		return err
	}
	return c.deliver(t, product{
		name: "the types", text: typescript.File(routes, typescript.Options{Standalone: c.Standalone}), routes: len(routes),
		isMade: typescript.IsMade,
	})
}
