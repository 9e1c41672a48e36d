package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/typescript"
)

// typesCommand is `grpcsse types`: TypeScript declarations for the routes, on standard output.
type typesCommand struct {
	source

	Out        string        `short:"o" placeholder:"FILE" xor:"to" help:"Write the declarations to this file, in place of those that it has."`
	Check      string        `placeholder:"FILE" xor:"to" help:"Write nothing, and fail unless this file has the declarations."`
	Standalone bool          `help:"Leave out what needs the npm package grpcsse: for pages that use an EventSource."`
	Timeout    time.Duration `default:"10s" help:"How long to wait for the schemas of the gRPC servers."`
}

// Run implements the command.
func (c *typesCommand) Run(ctx context.Context, t *terminal) error {
	routes, err := c.routes(ctx, t)
	if err != nil {
		return err
	}
	text := typescript.File(routes, typescript.Options{Standalone: c.Standalone})
	switch {
	case c.Check != "":
		return c.compare(text)
	case c.Out != "":
		return c.write(t, text, len(routes))
	}
	_, err = t.stdout.Write(text)
	return err
}

// routes returns the routes. One that is out of order is an error: without it, pages would not compile.
func (c *typesCommand) routes(ctx context.Context, t *terminal) (routes []contract.Route, err error) {
	cfg, err := c.load(t)
	if err != nil {
		return nil, err
	}
	b, err := bridge.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := waitReady(ctx, b, c.Timeout); err != nil {
		return nil, err
	}
	for _, info := range b.Routes() {
		if route, ok := contract.New(info); ok {
			routes = append(routes, route)
		}
	}
	problems := b.Problems()
	problems.Render(t.stderr)
	switch {
	case hasErrors(problems):
		return nil, errors.New("no types were written: not every route is in order")
	case len(routes) == 0:
		return nil, errors.New("no types were written: no server-streaming method is known")
	}
	return routes, nil
}

// compare fails unless the file has the text.
func (c *typesCommand) compare(text []byte) error {
	found, err := os.ReadFile(c.Check)
	if err != nil {
		return err
	}
	if !bytes.Equal(found, text) {
		return &hintedError{
			err:  fmt.Errorf("%s does not have the types of these routes", c.Check),
			hint: "write it anew with --out in place of --check",
		}
	}
	return nil
}

// write writes the file. It leaves a file that has the text already, so that nothing is built anew because of it.
func (c *typesCommand) write(t *terminal, text []byte, routes int) error {
	found, err := os.ReadFile(c.Out)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && len(found) > 0 && !typescript.IsMade(found):
		return &hintedError{
			err:  fmt.Errorf("--out: %s is a file of something else: expected a new name, or a file that this command has written", c.Out),
			hint: "without --out, the types go to standard output",
		}
	case err != nil || !bytes.Equal(found, text):
		if err := replaceFile(c.Out, text); err != nil {
			return err
		}
	}
	t.say("%s has the types of %s", shellWord(c.Out), plural(routes, "route"))
	return nil
}

// replaceFile writes a file as a whole: a program that reads it meanwhile sees the old text or the new one.
func replaceFile(name string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".grpcsse-*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil { //nolint:gosec // the types are for all who build the page
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
