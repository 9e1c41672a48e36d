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
	Upstream      string   `short:"u" placeholder:"HOST:PORT" help:"The gRPC server. Its schema is read by reflection, unless a file has it."`
	DescriptorSet string   `placeholder:"FILE" xor:"schema" help:"Take the schema from this FileDescriptorSet, as buf build -o writes it: binary or JSON, compressed with gzip or not."`
	Proto         []string `placeholder:"FILE" xor:"schema" sep:"none" help:"Take the schema from this .proto file, or from those of a pattern such as 'api/**/*.proto'. May be given several times."`
	ImportPath    []string `placeholder:"DIR" sep:"none" help:"With --proto: look for it, and for what it imports, in this directory; the default is the current one. May be given several times."`
	secured
	Out     string        `short:"o" placeholder:"FILE" help:"Write the configuration to this file, which must not exist."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the schema of the gRPC server."`
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
	d, err := n.draft(ctx, t)
	if err != nil {
		return err
	}
	text := d.YAML()
	_, err = config.Parse(cmp.Or(n.Out, usualFile), text)
	if err != nil && len(d.Rules) > 0 { // a path of a rule, with unusual escapes, fits the requests of another path
		refuse(d.Rules, "with it, two paths fit the same requests")
		text = d.YAML()
		_, err = config.Parse(cmp.Or(n.Out, usualFile), text)
	}
	if err != nil {
		return fmt.Errorf("the file that was made is wrong, which is a mistake of %s: %w", programName, errors.New(err.Error()))
	}
	if n.Out == "" {
		_, err := t.stdout.Write(text)
		return err
	}
	if err := n.create(text); err != nil {
		return err
	}
	t.say("%s has %s; to serve it: %s serve --config %[1]s", shellWord(n.Out), plural(d.Count(), "route"), programName)
	return nil
}

// draft returns what the file is made of.
func (n *initial) draft(ctx context.Context, t *terminal) (d draft.Draft, err error) {
	cfg, err := n.source().forUpstream()
	if err != nil {
		return d, err
	}
	infos, problems, err := n.routesOf(ctx, cfg)
	if err != nil {
		return d, err
	}
	// Warnings are about the routes that were made to find the methods.
	problems = slices.DeleteFunc(problems, func(p *config.Problem) bool { return p.Warning })
	problems.Render(t.stderr)
	upstream := cfg.Upstreams[0]
	d = draft.Draft{
		File: shellWord(cmp.Or(n.Out, usualFile)), Target: n.Upstream, TLS: n.besideTLS(upstream.TLS), Schema: n.beside(upstream.Schema),
		Routes: slices.DeleteFunc(infos, func(info bridge.RouteInfo) bool { return info.Method == nil }),
	}
	if len(d.Routes) == 0 {
		return d, errors.New("no configuration was made: no server-streaming method is known")
	}
	for _, p := range problems {
		d.LeftOut = append(d.LeftOut, p.Message)
	}
	d.Rules, err = n.rules(ctx, d.Routes)
	return d, err
}

// source returns the flags that this command has in common with `serve`.
func (n *initial) source() source {
	return source{
		Upstream: cmp.Or(n.Upstream, "localhost:50051"), DescriptorSet: n.DescriptorSet, Proto: n.Proto, ImportPath: n.ImportPath,
		secured: n.secured,
	}
}

// routesOf returns the routes of a configuration, and its problems, once the schema is read.
func (n *initial) routesOf(ctx context.Context, cfg *config.Config) (infos []bridge.RouteInfo, problems config.Problems, err error) {
	b, err := bridge.New(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := waitReady(ctx, b, n.Timeout); err != nil {
		return nil, nil, err
	}
	return b.Routes(), b.Problems(), nil
}

// rules returns the rules of methods. A bridge with their routes says which of them it accepts.
func (n *initial) rules(ctx context.Context, methods []bridge.RouteInfo) ([]*draft.Rule, error) {
	rules := draft.Rules(methods)
	cfg, err := n.source().forUpstream()
	if err != nil {
		return nil, err
	}
	cfg.ServeAll = false
	for _, r := range rules {
		if r.Route != nil {
			cfg.Routes = append(cfg.Routes, r.Route)
		}
	}
	if len(cfg.Routes) == 0 {
		return rules, nil
	}
	infos, _, err := n.routesOf(ctx, cfg)
	if err != nil {
		return nil, err
	}
	refuse(rules, "the bridge does not accept its path")
	for _, r := range rules {
		if r.Route == nil {
			continue
		}
		for _, info := range infos {
			switch {
			case info.Name != r.Route.Name:
			case info.Problem != nil:
				r.Refuse(info.Problem.Message)
			default:
				r.Accept(info)
			}
		}
	}
	return rules, nil
}

// relative returns a path that begins at the folder of the file. It begins at the current folder where the file has no name.
func (n *initial) relative(path string) string {
	folder, err := filepath.Abs(filepath.Dir(n.Out))
	if err != nil || n.Out == "" || filepath.IsAbs(path) {
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

// besideTLS returns settings of TLS whose paths are relative to the file.
func (n *initial) besideTLS(tls *config.UpstreamTLS) *config.UpstreamTLS {
	if tls == nil || tls.CAFile == "" {
		return tls
	}
	return &config.UpstreamTLS{CAFile: n.relative(tls.CAFile)}
}

// refuse refuses all rules that have a route.
func refuse(rules []*draft.Rule, reason string) {
	for _, r := range rules {
		if r.Route != nil {
			r.Refuse(reason)
		}
	}
}

// beside returns a schema whose paths are relative to the file.
func (n *initial) beside(s config.Schema) config.Schema {
	if s.DescriptorSet != "" {
		s.DescriptorSet = n.relative(s.DescriptorSet)
	}
	if s.Proto != nil {
		sources := *s.Proto
		sources.ImportPaths = nil
		for _, path := range s.Proto.ImportPaths {
			sources.ImportPaths = append(sources.ImportPaths, n.relative(path))
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
