package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// derived are the flags of a command that writes a file which is derived from the routes.
type derived struct {
	source

	Out     string        `short:"o" placeholder:"FILE" xor:"to" help:"Write to this file, in place of what this command has written there before."`
	Check   string        `placeholder:"FILE" xor:"to" help:"Write nothing, and fail unless this file has what would be written."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the schemas of the gRPC servers."`
}

// product is what such a command writes.
type product struct {
	name   string // such as "the types"
	text   []byte
	routes int // how many routes it is about
	// isMade reports whether a file was made by the command.
	isMade func(text []byte) bool
}

// routes returns the configuration and its routes. A route that is out of order is an error: what is made for the others would not do.
// what names in an error what was not written.
func (c *derived) routes(ctx context.Context, t *terminal, what string) (cfg *config.Config, routes []contract.Route, err error) {
	cfg, err = c.load(t)
	if err != nil {
		return nil, nil, err
	}
	b, err := bridge.New(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := waitReady(ctx, b, c.Timeout); err != nil {
		return nil, nil, err
	}
	for _, info := range b.Routes() {
		if route, ok := contract.New(info); ok {
			routes = append(routes, route)
		}
	}
	// Keys that verify tokens change nothing in what is written. They may be out of reach where it is written.
	problems := slices.DeleteFunc(b.Problems(), func(p *config.Problem) bool { return strings.HasPrefix(p.Path, "auth.") })
	problems.Render(t.stderr)
	switch {
	case hasErrors(problems):
		return nil, nil, fmt.Errorf("no %s written: not every route is in order", wereOrWas(what))
	case len(routes) == 0:
		return nil, nil, fmt.Errorf("no %s written: no server-streaming method is known", wereOrWas(what))
	}
	return cfg, routes, nil
}

// wereOrWas returns a noun with the form of "to be" that fits it.
func wereOrWas(noun string) string {
	if noun[len(noun)-1] == 's' {
		return noun + " were"
	}
	return noun + " was"
}

// deliver writes a product to where the flags say, or compares it with a file.
func (c *derived) deliver(t *terminal, p product) error {
	switch {
	case c.Check != "":
		return c.compare(p)
	case c.Out != "":
		return c.write(t, p)
	}
	_, err := t.stdout.Write(p.text)
	return err
}

// compare fails unless the file has the text.
func (c *derived) compare(p product) error {
	found, err := os.ReadFile(c.Check)
	if err != nil {
		return err
	}
	if !bytes.Equal(found, p.text) {
		return &hintedError{
			err:  fmt.Errorf("%s does not have %s of these routes", c.Check, p.name),
			hint: "write it anew with --out in place of --check",
		}
	}
	return nil
}

// write writes the file. It leaves a file that has the text already, so that nothing is built anew because of it.
func (c *derived) write(t *terminal, p product) error {
	found, err := os.ReadFile(c.Out)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && len(found) > 0 && !p.isMade(found):
		return &hintedError{
			err:  fmt.Errorf("--out: %s is a file of something else: expected a new name, or a file that this command has written", c.Out),
			hint: "without --out, " + p.name + " goes to standard output",
		}
	case err != nil || !bytes.Equal(found, p.text):
		if err := replaceFile(c.Out, p.text); err != nil {
			return err
		}
	}
	t.say("%s has %s of %s", shellWord(c.Out), p.name, plural(p.routes, "route"))
	return nil
}

// replaceFile writes a file as a whole: a program that reads it meanwhile sees the old text or the new one.
func replaceFile(name string, text []byte) error {
	folder := filepath.Dir(name)
	file, err := os.CreateTemp(folder, ".grpcsse-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &hintedError{err: fmt.Errorf("--out: the folder %s does not exist", folder), hint: "mkdir -p " + shellWord(folder)}
	case err != nil:
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil { //nolint:gosec // the file is for all who build with it
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
