package console

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// fileOf returns a configuration file that has the route and its upstream, with the settings that are not the defaults. Values that
// may be secret are masked, see [config.Config.Masked].
func fileOf(cfg *config.Config, info bridge.RouteInfo) (string, error) {
	if info.Config == nil {
		return "", nil
	}
	one := *cfg
	one.Routes = []*config.Route{info.Config}
	one.Upstreams = slices.DeleteFunc(slices.Clone(cfg.Upstreams), func(u *config.Upstream) bool {
		return info.Upstream != "" && u.Name != info.Upstream
	})
	one.Defaults = nil // the route has them
	file, err := masked(&one)
	if err != nil {
		return "", err
	}
	plain, err := masked(plainConfig(&one))
	if err != nil {
		return "", err
	}
	omit(file, plain)
	if info.Config.Auth == nil {
		keepOnly(file, "upstreams", "routes")
	} else {
		keepOnly(file, "auth", "upstreams", "routes")
	}
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false))
	if err != nil {
		return "", err
	}
	if err := dumper.Dump(file); err != nil {
		return "", err
	}
	if err := dumper.Close(); err != nil {
		return "", err
	}
	text := out.String()
	if strings.Contains(text, config.Mask) {
		text = "# " + config.Mask + " stands for a value that is not shown: write your own.\n" + text
	}
	return text, nil
}

// plainConfig returns a configuration with the names of one, in which all else has its default.
func plainConfig(one *config.Config) *config.Config {
	plain := config.New()
	for _, r := range one.Routes {
		route := config.NewRoute(r.Path)
		if r.Share != nil {
			route.Share = config.NewShare(config.LateJoin{}) // late_join has no default
		}
		plain.Routes = append(plain.Routes, route)
	}
	for _, u := range one.Upstreams {
		upstream := config.ForUpstream(u.Target).Upstreams[0]
		upstream.Name = u.Name
		plain.Upstreams = append(plain.Upstreams, upstream)
	}
	return plain
}

// masked returns the tree of the YAML in which secrets are masked.
func masked(cfg *config.Config) (*yaml.Node, error) {
	text, err := cfg.Masked()
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	return document.Content[0], nil
}

// needed are keys that a file must have, whatever their values are.
var needed = []string{"path", "rpc", "target", "late_join"}

// omit removes from a tree what the other tree has too. It reports whether nothing is left.
func omit(from, plain *yaml.Node) bool {
	switch {
	case plain == nil || from.Kind != plain.Kind:
		return false
	case from.Kind == yaml.MappingNode:
		var left []*yaml.Node
		for i := 0; i+1 < len(from.Content); i += 2 {
			key, value := from.Content[i], from.Content[i+1]
			if slices.Contains(needed, key.Value) || !omit(value, member(plain, key.Value)) {
				left = append(left, key, value)
			}
		}
		from.Content = left
		return len(left) == 0
	case from.Kind == yaml.SequenceNode && len(from.Content) == 1 && from.Content[0].Kind == yaml.MappingNode && len(plain.Content) == 1:
		return omit(from.Content[0], plain.Content[0]) // the one route
	}
	return equal(from, plain)
}

// member returns the value of a key of a mapping, or nil.
func member(of *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(of.Content); i += 2 {
		if of.Content[i].Value == key {
			return of.Content[i+1]
		}
	}
	return nil
}

func equal(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, equal)
}

// keepOnly removes all other keys of a mapping.
func keepOnly(of *yaml.Node, keys ...string) {
	var left []*yaml.Node
	for i := 0; i+1 < len(of.Content); i += 2 {
		if slices.Contains(keys, of.Content[i].Value) {
			left = append(left, of.Content[i], of.Content[i+1])
		}
	}
	of.Content = left
}
