package draft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge"
)

func TestWords(t *testing.T) {
	for name, want := range map[string][]string{
		"WatchQuotes":      {"watch", "quotes"},
		"StreamHTTPLogs":   {"stream", "http", "logs"},
		"watch_http_logs":  {"watch", "http", "logs"},
		"subscribeV2":      {"subscribe", "v2"},
		"A":                {"a"},
		"_":                nil,
		"__x__Y":           {"x", "y"},
		"ABC":              {"abc"},
		"getA":             {"get", "a"},
		"OrderBook2Stream": {"order", "book2", "stream"},
	} {
		assert.Equal(t, want, wordsOf(name), name)
	}
}

// methods returns methods with full names such as shop.v1.Orders.Watch.
func methods(t require.TestingT, names ...protoreflect.FullName) (out []protoreflect.MethodDescriptor) {
	for i, name := range names {
		service := name.Parent()
		file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: new(fmt.Sprintf("%d.proto", i)), Package: new(string(service.Parent())),
			MessageType: []*descriptorpb.DescriptorProto{{Name: new("M")}},
			Service: []*descriptorpb.ServiceDescriptorProto{{Name: new(string(service.Name())), Method: []*descriptorpb.MethodDescriptorProto{{
				Name: new(string(name.Name())), InputType: new("M"), OutputType: new("M"), ServerStreaming: proto.Bool(true),
			}}}},
		}, nil)
		require.NoError(t, err)
		out = append(out, file.Services().Get(0).Methods().Get(0))
	}
	return out
}

// pathsOf returns the paths that methods get.
func pathsOf(t require.TestingT, names ...protoreflect.FullName) (paths []string) {
	var routes []*route
	for _, m := range methods(t, names...) {
		routes = append(routes, &route{info: bridge.RouteInfo{Method: m}})
	}
	assignPaths(routes)
	for _, r := range routes {
		paths = append(paths, r.path)
	}
	return paths
}

func TestPaths(t *testing.T) {
	for _, test := range []struct {
		methods []protoreflect.FullName
		paths   []string
	}{
		{[]protoreflect.FullName{"a.QuoteService.WatchQuotes", "a.QuoteService.Count"}, []string{"/quotes", "/count"}},
		{[]protoreflect.FullName{"a.QuoteService.SubscribeToQuotes", "a.QuoteAPI.Watch"}, []string{"/quotes", "/quote"}},
		{[]protoreflect.FullName{"a.Market.WatchQuotes", "a.Archive.WatchQuotes"}, []string{"/market/quotes", "/archive/quotes"}},
		{[]protoreflect.FullName{"a.S.Watch", "b.S.Watch"}, []string{"/a.S/Watch", "/b.S/Watch"}},
		{[]protoreflect.FullName{"a.S.WatchX", "a.S.StreamX", "a.S.Y"}, []string{"/a.S/WatchX", "/a.S/StreamX", "/y"}},
		{[]protoreflect.FullName{"a.S._", "a.Service.Watch"}, []string{"/s", "/service"}},
		{[]protoreflect.FullName{"s.x", "S.x"}, []string{"/s/x", "/S/x"}},
	} {
		assert.Equal(t, test.paths, pathsOf(t, test.methods...), "%v", test.methods)
	}
}

// Whatever services and methods are called, no two have the same path.
func TestNoTwoMethodsHaveTheSamePath(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "A", "b", "watch", "Watch", "WatchA", "StreamA", "watch_a", "AService", "_", "aB", "a_b", "AB"})
	full := rapid.Custom(func(t *rapid.T) protoreflect.FullName {
		text := name.Draw(t, "service") + "." + name.Draw(t, "method")
		if rapid.Bool().Draw(t, "package") {
			text = name.Draw(t, "package name") + "." + text
		}
		return protoreflect.FullName(text)
	})
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(full, 1, 12, rapid.ID[protoreflect.FullName]).Draw(t, "names")
		seen := map[string]protoreflect.FullName{}
		for i, path := range pathsOf(t, names...) {
			if other, ok := seen[path]; ok {
				t.Fatalf("%s and %s both have %s", other, names[i], path)
			}
			seen[path] = names[i]
			assert.Regexp(t, `^(/[A-Za-z0-9_.-]+)+$`, path)
		}
	})
}

func TestNamesOfUpstreams(t *testing.T) {
	for target, want := range map[string]string{
		"localhost:50051": "upstream", "127.0.0.1:1": "upstream", "market:50051": "market", "dns:///market.internal:1": "market",
		"[::1]:1": "upstream", "unix:/x": "unix", "null:1": `"null"`, "": "upstream", "Market": "upstream", "a b": "upstream",
	} {
		assert.Equal(t, want, nameFor(target), target)
	}
}

func TestPathsWithOneShapeFitTheSameRequests(t *testing.T) {
	for path, shape := range map[string]string{
		"/a": "/a", "/a/{b}": "/a/*", "/a/{b=*}": "/a/*", "/a/*": "/a/*", "/{b=shelves/*}:watch": "/shelves/*:watch", "/a/{b=**}": "/a/**",
		"/%61/{b.c}": "/a/*", "/%zz": "/%zz",
	} {
		assert.Equal(t, shape, shapeOf(path), path)
	}
}

// A path of names makes way for a path that a rule has.
func TestAPathOfARuleIsTaken(t *testing.T) {
	all := methods(t, "a.S.WatchX", "a.S.Other")
	for taken, want := range map[string]string{"/y": "/x", "/x": "/s/x", "/{any}": "/x"} {
		named := &route{info: bridge.RouteInfo{Method: all[0]}}
		assignPaths([]*route{named, {info: bridge.RouteInfo{Method: all[1]}, path: taken}})
		assert.Equal(t, want, named.path, taken)
	}
	named := &route{info: bridge.RouteInfo{Method: all[0]}}
	assignPaths([]*route{named, {path: "/x"}, {path: "/s/x"}, {path: "/a.S/WatchX"}, {path: "/a.S/WatchX/2"}})
	assert.Equal(t, "/a.S/WatchX/3", named.path)
}
