package route

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// unshareKey reads the parts of a share key. It shows that two calls with different parts have different keys.
func unshareKey(t require.TestingT, key string) (route Digest, request string, md metadata.MD) {
	rest := []byte(key[copy(route[:], key):])
	number := func() (n int) {
		for shift := 0; ; shift += 7 {
			require.NotEmpty(t, rest)
			b := rest[0]
			rest = rest[1:]
			n |= int(b&0x7f) << shift
			if b < 0x80 {
				return n
			}
		}
	}
	text := func() string {
		n := number()
		require.GreaterOrEqual(t, len(rest), n)
		out := string(rest[:n])
		rest = rest[n:]
		return out
	}
	request, md = text(), metadata.MD{}
	for range number() {
		name := text()
		md[name] = []string{}
		for range number() {
			md[name] = append(md[name], text())
		}
	}
	require.Empty(t, rest)
	return route, request, md
}

func TestAShareKeyCanBeReadBackInOneWayOnly(t *testing.T) {
	text := rapid.OneOf(rapid.StringN(0, 300, 300), rapid.SampledFrom([]string{"", "1", "1:", "11:1", "2:a", "\x01", "\x80\x01", "\x00\x00"}))
	rapid.Check(t, func(t *rapid.T) {
		var route Digest
		copy(route[:], rapid.SliceOfN(rapid.Byte(), len(route), len(route)).Draw(t, "route"))
		request := text.Draw(t, "request")
		md := metadata.MD(rapid.MapOfN(text, rapid.SliceOfN(text, 0, 12), 0, 5).Draw(t, "metadata"))
		gotRoute, gotRequest, gotMD := unshareKey(t, shareKey(route, &Call{[]byte(request), md}))
		require.Equal(t, route, gotRoute)
		require.Equal(t, request, gotRequest)
		require.Len(t, gotMD, len(md))
		for name, values := range md {
			require.True(t, slices.Equal(values, gotMD[name]), "%q", name)
		}
	})
}

// A count needs a separator behind it. Otherwise 1 value of 11 bytes and 11 values of 1 byte have the same key.
func FuzzShareKey(f *testing.F) {
	f.Add("request", "x-a", "1:a", "b", "x-b", "")
	f.Add("", "x", "1", "11:", "x", "1:1")
	f.Add("12:x", "x-a", "", "", "x-a1", "\x00")
	f.Fuzz(func(t *testing.T, request, name, first, second, other, value string) {
		md := metadata.MD{name: {first, second}, other: {value}}
		_, gotRequest, gotMD := unshareKey(t, shareKey(Digest{}, &Call{[]byte(request), md}))
		require.Equal(t, request, gotRequest)
		require.Equal(t, md, gotMD)
		for _, forged := range []metadata.MD{{name: {first + second}, other: {value}}, {name: {first}, other: {second, value}}} {
			if !reflect.DeepEqual(forged, md) {
				require.NotEqual(t, shareKey(Digest{}, &Call{[]byte(request), md}), shareKey(Digest{}, &Call{[]byte(request), forged}))
			}
		}
	})
}

// wholeRoute is a route in which every pointer, slice and map has something.
func wholeRoute() config.Route {
	r := *config.NewRoute("/watch/{topic}")
	fill(reflect.ValueOf(&r).Elem(), deep)
	return r
}

// fill puts one element into each empty slice, map and pointer. It follows them to the given depth, since a setting may contain
// itself.
func fill(v reflect.Value, depth int) {
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), depth-1)
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		fill(v.Index(0), depth-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth)
			}
		}
	}
}

// deep is the greatest number of slices and pointers inside each other that fill follows.
const deep = 5

// changes changes each value in v, one after the other, and calls change with the path of its field. It undoes each change
// after the call.
func changes(path string, v reflect.Value, changed func(path string)) {
	set := func(what string, to reflect.Value) {
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		v.Set(to)
		changed(path + what)
		v.Set(was)
	}
	switch v.Kind() {
	case reflect.Bool:
		set("", reflect.ValueOf(!v.Bool()).Convert(v.Type()))
	case reflect.Int, reflect.Int64:
		set("", reflect.ValueOf(v.Int()+1).Convert(v.Type()))
	case reflect.String:
		set("", reflect.ValueOf(v.String()+"x").Convert(v.Type()))
	case reflect.Pointer:
		if !v.IsNil() {
			set(" is there", reflect.Zero(v.Type()))
			changes(path, v.Elem(), changed)
		}
	case reflect.Slice:
		set(" has more", reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		if v.Len() > 0 {
			set(" is there", reflect.Zero(v.Type()))
			set(" is empty", reflect.MakeSlice(v.Type(), 0, 0))
			changes(path+"[0]", v.Index(0), changed)
		}
	case reflect.Map:
		set(" is empty", reflect.MakeMap(v.Type()))
		for _, key := range v.MapKeys() {
			other := reflect.MakeMap(v.Type())
			other.SetMapIndex(key, reflect.ValueOf("another").Convert(v.Type().Elem()))
			set(" has another value", other)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				changes(path+"."+f.Name, v.Field(i), changed)
			}
		}
	default:
		panic(fmt.Sprint(path, " is a ", v.Kind()))
	}
}

// The test finds new fields of the configuration by itself.
func TestTheDigestOfARouteHoldsEveryFieldButTheNameAndTheLimits(t *testing.T) {
	r := wholeRoute()
	upstream := config.Upstream{Name: "a", Target: "b"}
	fill(reflect.ValueOf(&upstream).Elem(), deep)
	digest := func() Digest { return newDigest(&r, nil, "schema", Provider{Upstream: &upstream}) }
	whole := digest()
	seen := map[Digest]string{}
	for _, v := range []reflect.Value{reflect.ValueOf(&r).Elem(), reflect.ValueOf(&upstream).Elem()} {
		changes(v.Type().Name(), v, func(path string) {
			got := digest()
			if path == "Route.Name" {
				assert.Equal(t, whole, got, "two routes may have the same name")
				return
			}
			if strings.HasPrefix(path, "Route.Limits.") {
				assert.Equal(t, whole, got, "%s: open streams stay open when a limit changes", path)
				return
			}
			assert.NotEqual(t, whole, got, path)
			if same, ok := seen[got]; ok && same != path {
				assert.Fail(t, "two changes are one", "%s and %s", same, path)
			}
			seen[got] = path
		})
	}
	assert.Greater(t, len(seen), 60)
	assert.Equal(t, whole, digest(), "the digest of the unchanged route")
	assert.NotEqual(t, whole, newDigest(&r, nil, "another schema", Provider{Upstream: &upstream}))
	assert.NotEqual(t, whole, newDigest(&r, nil, "schema", Provider{Registration: "x"}))
	assert.NotEqual(t, whole, digestOf(transcode.Version+1, &r, nil, "schema", Provider{Upstream: &upstream}))
	assert.NotEqual(t, newDigest(&r, nil, "schema", Provider{Registration: "y"}), newDigest(&r, nil, "schema", Provider{Registration: "x"}))
}

// The text of a size is rounded, so the digest must not depend on the text.
func TestTheDigestTellsSizesApart(t *testing.T) {
	a, b := wholeRoute(), wholeRoute()
	a.MaxEventBytes, b.MaxEventBytes = 4*config.MiB, 4*config.MiB+1
	a.Heartbeat, b.Heartbeat = time.Second, time.Second
	assert.NotEqual(t, newDigest(&a, nil, "", Provider{}), newDigest(&b, nil, "", Provider{}))
}

// Two replicas have the same key for the same route, even if their files have the routes in another order.
func TestTheDigestIsTheSameInAnotherProcess(t *testing.T) {
	const route = "{path: /x, rpc: a.v1.B/C, status: {NOT_FOUND: stop, ABORTED: stop, INTERNAL: reconnect}, share: {late_join: latest}"
	digest := func(file string) Digest {
		cfg, err := config.Parse("grpcsse.yaml", []byte("upstreams: {m: {target: \"a:1\", metadata: {b: c, d: e, f: g}}}\n"+file))
		require.NoError(t, err)
		return newDigest(cfg.Routes[0], &cfg.Auth, "schema", Provider{Upstream: cfg.Upstreams[0]})
	}
	want := digest("routes: [" + route + "}]")
	for range 20 { // the order of a map is random
		assert.Equal(t, want, digest("# elsewhere\n\nroutes:\n  - "+route+", name: other}"))
	}
	assert.NotEqual(t, want, digest("routes: ["+route+", json: {enums: numbers}}]"))
}
