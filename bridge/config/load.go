package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
)

// Option changes how a configuration is read.
type Option interface {
	apply(*loader)
}

type optionFunc func(*loader)

func (f optionFunc) apply(l *loader) { f(l) }

// WithEnv returns an option that takes the variables for ${env.NAME} from lookup, which returns the value and whether the variable
// is set. The default is [os.LookupEnv], and so is nil.
func WithEnv(lookup func(name string) (value string, set bool)) Option {
	return optionFunc(func(l *loader) {
		if lookup != nil {
			l.env = lookup
		}
	})
}

// Load reads a configuration file and the files that it includes. The error is [Problems], with all mistakes and warnings, or the
// error of the operating system where the file itself can't be read.
func Load(path string, opts ...Option) (*Config, error) {
	newLoader(opts).files.note(path)
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, opts...)
}

// Parse reads a configuration from data. Problems have the given file name, and relative paths and include patterns start at its
// directory. The file need not exist. The error is [Problems], with all mistakes and warnings.
func Parse(file string, data []byte, opts ...Option) (*Config, error) {
	l := newLoader(opts)
	cfg, _ := l.parse(file, data)
	errs, warnings := l.problems.split()
	if len(errs) > 0 {
		return nil, l.problems
	}
	cfg.Warnings = warnings
	return cfg, nil
}

func newLoader(opts []Option) *loader {
	l := &loader{env: os.LookupEnv}
	for _, opt := range opts {
		opt.apply(l)
	}
	return l
}

// parse reads a configuration, and sorts the problems. It returns nil where the file is not YAML.
func (l *loader) parse(file string, data []byte) (*Config, *sections) {
	var cfg *Config
	var s *sections
	if root := l.document(file, data); root != nil {
		cfg, s = l.assemble(root)
	}
	l.problems.Sort()
	return cfg, s
}

// ForUpstream returns a configuration for one server without a file. It serves every server-streaming method that the server
// shows by reflection, at 127.0.0.1:8080, and calls the server without TLS. The target is anything that gRPC dials, such as
// "localhost:50051". It is not checked here: [Upstream.Validate] does that.
func ForUpstream(target string) *Config {
	upstream := defaultUpstream(target)
	upstream.Target = target
	upstream.source = source{path: keyPath("upstreams", target)}
	defaults := defaultRoute()
	defaults.source = source{path: "defaults"}
	server := defaultServer()
	server.Listen = "127.0.0.1:8080"
	return &Config{Server: server, Upstreams: []*Upstream{upstream}, Defaults: defaults, ServeAll: true}
}

// loader reads one configuration. It is used once, by one goroutine.
type loader struct {
	collector

	env func(string) (string, bool)
}

// assemble builds the configuration out of the tree of the main file and the trees of included files.
func (l *loader) assemble(root *node) (*Config, *sections) {
	d := &decoder{collector: &l.collector}
	cfg := &Config{Server: defaultServer(), source: source{node: root}}
	if !d.isMapping(root, "") {
		return cfg, nil
	}
	var defaults, include *node
	files := []*node{root}
	d.fields(root, "", d.fileKeys(&cfg.Server, &cfg.Auth, &include, &defaults))
	unread := false
	if include != nil {
		var included []*node
		included, unread = l.includes(d, root, include)
		files = append(files, included...)
	}
	cfg.Defaults = d.defaults(root, defaults)
	s := &sections{
		decoder: d, root: root, defaults: cfg.Defaults.source.node, unread: unread,
		byName: make(map[string]*Upstream),
	}
	for _, file := range files {
		s.upstreams(file.child("upstreams"))
	}
	for _, file := range files {
		s.routes(file.child("routes"))
	}
	s.check(cfg)
	cfg.Upstreams = s.allUpstreams
	for _, r := range s.allRoutes {
		cfg.Routes = append(cfg.Routes, r.Route)
	}
	return cfg, s
}

// fileKeys are the keys of a whole file. Decoding stores the values of `include` and `defaults` in the pointers, and leaves
// `upstreams` and `routes` in the tree, since they are decoded with those of the other files.
func (d *decoder) fileKeys(server *Server, auth *Auth, include, defaults **node) []field {
	return []field{
		custom("include", "Files with more upstreams and routes, as names or patterns.", listForm(lineForm), func(n *node) { *include = n }, unwritten).
			shownAs(`["routes.d/*.yaml"]`).inMain(),
		d.section("server", "The HTTP side.", `{listen: ":8080"}`, func() []field { return d.serverKeys(server) }).inMain(),
		{
			key: "upstreams", about: "The gRPC servers, by a name of your own.", example: `{market: {target: "localhost:50051"}}`, decode: later, write: unwritten,
			each: &field{
				key: "*", name: "upstream", example: `{target: "localhost:50051"}`, rule: plaintextRule,
				inside: func() []field { return d.upstreamKeys(defaultUpstream("")) },
			},
		},
		custom("defaults", "Settings for all routes. A route's own win, key by key.", defaultsForm, func(n *node) { *defaults = n }, unwritten).
			shownAs("{heartbeat: 10s}").inMain(),
		{
			key: "routes", about: "What is served.", example: "[{path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}]", decode: later, write: unwritten,
			each: &field{
				name: "route", example: "{path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}", rule: routeRule,
				inside: func() []field { return d.routeKeys(&mappedRoute{Route: defaultRoute()}) },
			},
		},
		d.cluster(server),
		d.section("auth", "Who callers are, for the routes that ask for it.", "{jwt: {corp: {issuer: https://id.example.com}}}",
			func() []field { return d.authKeys(auth) }).writing(unwritten).inMain(),
	}
}

// later decodes nothing. It is for keys whose values are decoded afterwards.
func later(*node) {}

// readFile reads a configuration file. Of one that is too long, it returns more bytes than a document may have.
func readFile(path string) ([]byte, error) {
	data, err := localfile.Read(path, maxFileBytes+1)
	if errors.Is(err, localfile.ErrTooLong) {
		return data, nil
	}
	return data, err
}

// Load reads the certificate and its key. No error has anything of the key.
func (t *ServerTLS) Load() (tls.Certificate, error) { return localfile.KeyPair(t.CertFile, t.KeyFile) }

// ReadFile reads a file that a configuration names, such as that of a token. It never waits: anything but a regular file is an
// error, such as a pipe or a device, and so is a file of more than most bytes. The error is a [*fs.PathError].
func ReadFile(path string, most Size) ([]byte, error) {
	data, err := localfile.Read(path, int64(most))
	if errors.Is(err, localfile.ErrTooLong) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("expected at most %v, found more", most)}
	}
	return data, err
}
