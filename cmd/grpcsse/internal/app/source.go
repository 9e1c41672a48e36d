package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// source says where the configuration comes from: a file, or one gRPC server without a file.
type source struct {
	Config   string `short:"c" placeholder:"FILE" xor:"source" help:"The configuration file."`
	Upstream string `short:"u" placeholder:"HOST:PORT" xor:"source" help:"Instead of a file: serve every server-streaming method of this gRPC server at /<package.Service>/<Method>, with the schema that it shows by reflection."`

	DescriptorSet string   `placeholder:"FILE" xor:"schema" help:"With --upstream: take the schema from this FileDescriptorSet, as buf build -o writes it: binary or JSON, compressed with gzip or not."`
	Proto         []string `placeholder:"FILE" xor:"schema" sep:"none" help:"With --upstream: take the schema from this .proto file, or from those of a pattern such as 'api/**/*.proto'. May be given several times."`
	ImportPath    []string `placeholder:"DIR" sep:"none" help:"With --proto: look for it, and for what it imports, in this directory; the default is the current one. May be given several times."`
	secured
	CORS []string `name:"cors" placeholder:"ORIGIN" sep:"none" help:"With --upstream: let pages of this origin read the streams, such as http://localhost:5173; '*' is any. May be given several times."`
}

// secured says that a gRPC server is reached over TLS.
type secured struct {
	UpstreamTLS bool   `name:"upstream-tls" help:"With --upstream: the gRPC server speaks TLS, and an authority that the system trusts has signed its certificate."`
	UpstreamCA  string `name:"upstream-ca" placeholder:"FILE" help:"With --upstream: the gRPC server speaks TLS, and an authority in this PEM file has signed its certificate."`
}

// tls returns the settings of the upstream, nil where it speaks plaintext.
func (s secured) tls() *config.UpstreamTLS {
	if !s.UpstreamTLS && s.UpstreamCA == "" {
		return nil
	}
	return &config.UpstreamTLS{CAFile: s.UpstreamCA}
}

// load reads the configuration. Its warnings go to the log.
func (s source) load(t *terminal, opts ...config.Option) (*config.Config, error) {
	if s.Upstream != "" {
		return s.forUpstream()
	}
	if s.Config == "" {
		return nil, &usageError{
			err:  errors.New("expected --config with a file, or --upstream with the address of a gRPC server"),
			hint: "to see one at work without either: " + programName + " demo",
		}
	}
	if err := s.onlyWithUpstream(); err != nil {
		return nil, err
	}
	cfg, err := config.Load(s.Config, opts...)
	if err != nil {
		return nil, err
	}
	for _, p := range cfg.Warnings {
		t.log.Warn(p.Error(), p.LogHint())
	}
	return cfg, nil
}

// onlyWithUpstream refuses flags that describe one server where a file describes all.
func (s source) onlyWithUpstream() error {
	for _, flag := range []struct {
		given     bool
		name, key string
	}{
		{s.DescriptorSet != "", "--descriptor-set", "`schema: {descriptor_set: FILE}` of the upstream"},
		{len(s.Proto) > 0, "--proto", "`schema: {proto: {files: [FILE]}}` of the upstream"},
		{len(s.ImportPath) > 0, "--import-path", "`schema: {proto: {import_paths: [DIR]}}` of the upstream"},
		{s.UpstreamTLS, "--upstream-tls", "`tls: {}` of the upstream"},
		{s.UpstreamCA != "", "--upstream-ca", "`tls: {ca_file: FILE}` of the upstream"},
		{len(s.CORS) > 0, "--cors", "`cors: {origins: [ORIGIN]}` of the route"},
	} {
		if flag.given {
			return &usageError{err: errors.New(flag.name + " goes with --upstream"), hint: "in a file, say " + flag.key}
		}
	}
	return nil
}

// forUpstream returns the configuration that the flags describe.
func (s source) forUpstream() (*config.Config, error) {
	cfg := config.ForUpstream(s.Upstream)
	cfg.Upstreams[0].TLS = s.tls()
	switch {
	case s.DescriptorSet != "":
		cfg.Upstreams[0].Schema = config.Schema{DescriptorSet: s.DescriptorSet}
	case len(s.Proto) > 0:
		cfg.Upstreams[0].Schema = config.Schema{Proto: protoSources(s.Proto, s.ImportPath)}
	case len(s.ImportPath) > 0:
		return nil, &usageError{err: errors.New("--import-path goes with --proto"), hint: "name the .proto file that describes the service"}
	}
	for _, p := range cfg.Upstreams[0].Validate() {
		if !p.Warning {
			return nil, s.misused(p)
		}
	}
	if len(s.CORS) == 0 {
		return cfg, nil
	}
	cfg.Defaults.CORS = &config.CORS{Origins: s.CORS}
	probe := config.NewRoute("/")
	probe.CORS = cfg.Defaults.CORS
	for _, p := range probe.Validate() {
		return nil, &usageError{err: errors.New("--cors: " + p.Message), hint: p.Hint}
	}
	return cfg, nil
}

// misused returns the error for a problem of the upstream that the flags describe.
func (s source) misused(p *config.Problem) error {
	flag, hint := "--upstream", p.Hint
	switch {
	case strings.Contains(p.Path, ".schema.proto.import_paths"):
		flag = "--import-path"
	case strings.Contains(p.Path, ".schema.proto"):
		flag = "--proto"
	case strings.Contains(p.Path, ".schema"):
		flag = "--descriptor-set"
	case strings.Contains(p.Path, ".tls"):
		flag = "--upstream-ca"
	case strings.Contains(hint, "`tls: {}`"):
		hint += " On a command line, --upstream-tls says so"
	}
	return &usageError{err: fmt.Errorf("%s: %s", flag, p.Message), hint: hint}
}

// protoSources names .proto files as imports name them: below the import path that they are in. Without import paths, each
// file's own directory is one, after the current one.
func protoSources(files, paths []string) *config.ProtoSources {
	sources := &config.ProtoSources{ImportPaths: slices.Clone(paths)}
	if len(paths) == 0 {
		sources.ImportPaths = []string{"."}
		for _, file := range files {
			if dir := filepath.Dir(beforePattern(file)); !filepath.IsLocal(dir) && !slices.Contains(sources.ImportPaths, dir) {
				sources.ImportPaths = append(sources.ImportPaths, dir)
			}
		}
	}
	for _, file := range files {
		name := file
		for _, path := range sources.ImportPaths {
			if below, err := filepath.Rel(path, file); err == nil && filepath.IsLocal(below) {
				name = below
				break
			}
		}
		sources.Files = append(sources.Files, filepath.ToSlash(name))
	}
	return sources
}

// beforePattern returns the part of a pattern before its first wildcard. This part is a path.
func beforePattern(file string) string {
	if i := strings.IndexAny(file, "*?["); i >= 0 {
		return file[:i] + "x"
	}
	return file
}

// loopbackNames are names of this machine that no other machine can have. A page of the web may make its own name resolve to
// this machine's address. Its requests have that name, and are refused.
func loopbackNames() []string {
	return []string{"localhost", "*.localhost", "127.0.0.0/8", "::1"}
}

// isLoopback reports whether only this machine can reach a listener at an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// waitReady waits until the schema of every upstream was loaded, or failed to load once. It waits no longer than the given
// time.
func waitReady(ctx context.Context, b *bridge.Bridge, timeout time.Duration) error {
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer cancel()
	if err := b.Ready(within); err != nil {
		return fmt.Errorf("read the schemas of the upstreams: %w", err)
	}
	return nil
}
