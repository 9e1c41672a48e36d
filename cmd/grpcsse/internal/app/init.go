package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/draft"
)

// initial is `grpcsse init`: a first configuration file for a gRPC server, on standard output.
type initial struct {
	Upstream      string        `short:"u" placeholder:"HOST:PORT" help:"The gRPC server. Its schema is read by reflection, unless a file has it."`
	DescriptorSet string        `placeholder:"FILE" xor:"schema" help:"Take the schema from this FileDescriptorSet, as buf build -o writes it: binary or JSON, compressed with gzip or not."`
	Proto         []string      `placeholder:"FILE" xor:"schema" sep:"none" help:"Take the schema from this .proto file, or from those of a pattern such as 'api/**/*.proto'. May be given several times."`
	ImportPath    []string      `placeholder:"DIR" sep:"none" help:"With --proto: look for it, and for what it imports, in this directory; the default is the current one. May be given several times."`
	Out           string        `short:"o" placeholder:"FILE" help:"Write the configuration to this file, which must not exist."`
	Timeout       time.Duration `default:"10s" help:"How long to wait for the schema of the gRPC server."`
}

// usualFile is the name of a configuration in words, where it goes to standard output.
const usualFile = programName + ".yaml"

// Run implements the command.
func (n *initial) Run(ctx context.Context, t *terminal) error {
	if n.Upstream == "" && n.DescriptorSet == "" && len(n.Proto) == 0 {
		return &usageError{
			err:  errors.New("expected --upstream with the address of a gRPC server, or a file with its schema"),
			hint: "such as --upstream localhost:50051, or --proto api/shop.proto",
		}
	}
	if n.Out != "" {
		if _, err := os.Lstat(n.Out); err == nil {
			return n.exists()
		}
	}
	text, routes, err := n.draft(ctx, t)
	if err != nil {
		return err
	}
	if _, err := config.Parse(cmp.Or(n.Out, usualFile), text); err != nil {
		return fmt.Errorf("the file that was made is wrong, which is a mistake of %s: %w", programName, errors.New(err.Error()))
	}
	if n.Out == "" {
		_, err := t.stdout.Write(text)
		return err
	}
	if err := n.create(text); err != nil {
		return err
	}
	t.say("%s has %s; to serve it: %s serve --config %[1]s", shellWord(n.Out), plural(routes, "route"), programName)
	return nil
}

// draft returns the file, and the number of routes in it.
func (n *initial) draft(ctx context.Context, t *terminal) (text []byte, routes int, err error) {
	cfg, err := source{
		Upstream: cmp.Or(n.Upstream, "localhost:50051"), DescriptorSet: n.DescriptorSet, Proto: n.Proto, ImportPath: n.ImportPath,
	}.forUpstream()
	if err != nil {
		return nil, 0, err
	}
	b, err := bridge.New(ctx, cfg)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := waitReady(ctx, b, n.Timeout); err != nil {
		return nil, 0, err
	}
	d := draft.Draft{File: shellWord(cmp.Or(n.Out, usualFile)), Target: n.Upstream, Schema: n.beside(cfg.Upstreams[0].Schema)}
	for _, info := range b.Routes() {
		if info.Method != nil {
			d.Routes = append(d.Routes, info)
		}
	}
	// Warnings are about the routes that were made to find the methods.
	problems := slices.DeleteFunc(b.Problems(), func(p *config.Problem) bool { return p.Warning })
	problems.Render(t.stderr)
	if len(d.Routes) == 0 {
		return nil, 0, errors.New("no configuration was made: no server-streaming method is known")
	}
	for _, p := range problems {
		d.LeftOut = append(d.LeftOut, p.Message)
	}
	return d.YAML(), len(d.Routes), nil
}

// beside returns a schema whose paths begin at the folder of the file. Paths begin at the current folder where it has no name.
func (n *initial) beside(s config.Schema) config.Schema {
	if n.Out == "" {
		return s
	}
	relative := func(path string) string {
		folder, err := filepath.Abs(filepath.Dir(n.Out))
		if err != nil || filepath.IsAbs(path) {
			return path
		}
		target, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		if near, err := filepath.Rel(folder, target); err == nil {
			return filepath.ToSlash(near)
		}
		return target
	}
	if s.DescriptorSet != "" {
		s.DescriptorSet = relative(s.DescriptorSet)
	}
	if s.Proto != nil {
		sources := *s.Proto
		sources.ImportPaths = nil
		for _, path := range s.Proto.ImportPaths {
			sources.ImportPaths = append(sources.ImportPaths, relative(path))
		}
		s.Proto = &sources
	}
	return s
}

// create writes a new file.
func (n *initial) create(text []byte) error {
	file, err := os.OpenFile(n.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a configuration has no secret yet
	switch {
	case errors.Is(err, fs.ErrExist):
		return n.exists()
	case err != nil:
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(n.Out)) // it was made here, and half of it is of no use
	}
	return nil
}

func (n *initial) exists() error {
	return &hintedError{
		err:  fmt.Errorf("--out: %s is there already: expected the name of a new file", n.Out),
		hint: "without --out, the configuration goes to standard output",
	}
}
