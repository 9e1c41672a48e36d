package schema

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	grpcssev1 "github.com/grpcsse/grpcsse/gen/grpcsse/v1"
)

func marketSnapshot(t *testing.T) *Snapshot {
	t.Helper()
	s, err := FromProto(t.Context(), []string{"market/v1/market.proto"}, []string{"testdata/proto"})
	require.NoError(t, err)
	return s
}

func TestMethodKinds(t *testing.T) {
	s := marketSnapshot(t)
	tests := map[string]string{
		"WatchQuotes": "",
		"Alerts":      "",
		"GetQuote":    "unary",
		"PlaceOrders": "client-streaming",
		"Trade":       "bidirectional",
	}
	for method, kind := range tests {
		md, err := s.Method("market.v1.MarketService", method)
		if kind == "" {
			require.NoError(t, err, method)
			assert.Equal(t, protoreflect.Name(method), md.Name())
			continue
		}
		var wrong *NotServerStreaming
		require.ErrorAs(t, err, &wrong, method)
		assert.Equal(t, kind, wrong.Kind)
		assert.EqualError(t, err, "expected a server-streaming method, found market.v1.MarketService/"+method+", which is "+kind)
	}
}

func TestUnknownNamesSayWhatThereIs(t *testing.T) {
	s := marketSnapshot(t)
	_, err := s.Method("market.v1.Market", "WatchQuotes")
	var service *UnknownService
	require.ErrorAs(t, err, &service)
	assert.Equal(t, []string{"market.v1.AdminService", "market.v1.MarketService"}, service.Have)
	assert.EqualError(t, err, "unknown service market.v1.Market: the upstream's schema does not have it")

	_, err = s.Method("market.v1.MarketService", "WatchQuote")
	var method *UnknownMethod
	require.ErrorAs(t, err, &method)
	assert.Equal(t, []string{"Alerts", "GetQuote", "PlaceOrders", "Trade", "WatchQuotes"}, method.Have)
	assert.EqualError(t, err, "unknown method WatchQuote: service market.v1.MarketService does not have it")

	assert.True(t, s.HasService("market.v1.AdminService"))
	assert.False(t, s.HasService("market.v1.Quote"), "a message is no service")
	assert.False(t, s.HasService(""))
}

func TestStreamingIsSorted(t *testing.T) {
	var names []string
	for _, md := range marketSnapshot(t).Streaming() {
		names = append(names, string(md.FullName()))
	}
	require.Equal(t, []string{
		"market.v1.AdminService.Tail",
		"market.v1.MarketService.Alerts",
		"market.v1.MarketService.WatchQuotes",
	}, names)
}

func TestOptionsHaveTheirGeneratedTypes(t *testing.T) {
	md, err := marketSnapshot(t).Method("market.v1.MarketService", "WatchQuotes")
	require.NoError(t, err)
	route := proto.GetExtension(md.Options(), grpcssev1.E_Route).(*grpcssev1.Route)
	require.Equal(t, "/q/{symbol}", route.GetPath())
}

func TestTypesResolveAnyAndExtensions(t *testing.T) {
	s := marketSnapshot(t)
	types := s.Types("")
	detail, err := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(1e9)}) // not a file of the schema
	require.NoError(t, err)
	status, err := s.Method("market.v1.MarketService", "Alerts")
	require.NoError(t, err)
	message := dynamicpb.NewMessage(status.Output())
	details := message.Mutable(status.Output().Fields().ByName("details")).List()
	element := details.NewElement()
	wire, err := proto.Marshal(detail)
	require.NoError(t, err)
	require.NoError(t, proto.Unmarshal(wire, element.Message().Interface()))
	details.Append(element)
	json, err := protojson.MarshalOptions{Resolver: types}.Marshal(message)
	require.NoError(t, err)
	assert.JSONEq(t, `{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1s"}]}`, string(json))

	_, err = types.FindMessageByURL("type.googleapis.com/market.v1.Quote")
	require.NoError(t, err)
	_, err = types.FindMessageByName("grpc.reflection.v1.ServerReflectionRequest")
	require.Error(t, err, "what else is linked into the program is not the upstream's")

	tail, err := s.Method("market.v1.AdminService", "Tail")
	require.NoError(t, err)
	_, err = types.FindExtensionByName("market.v1.city")
	require.NoError(t, err)
	_, err = types.FindExtensionByNumber("market.v1.Venue", 100)
	require.NoError(t, err)
	venue := dynamicpb.NewMessage(tail.Input())
	require.NoError(t, proto.UnmarshalOptions{Resolver: types}.Unmarshal([]byte("\xa2\x06\x05Paris"), venue))
	json, err = protojson.MarshalOptions{Resolver: types}.Marshal(venue)
	require.NoError(t, err)
	assert.JSONEq(t, `{"[market.v1.city]":"Paris"}`, string(json))
}

func TestHashKnowsContentAndNotOrder(t *testing.T) {
	sources := map[string]string{
		"a.proto": `syntax="proto3"; package a; message M { int32 x = 1; } service S { rpc R(M) returns (stream M); }`,
		"b.proto": `syntax="proto3"; package b; import "a.proto"; message M { a.M m = 1; }`,
	}
	files := compileFiles(t, sources, "b.proto")
	require.Len(t, files, 2)
	hash := func(files []protoreflect.FileDescriptor) string {
		s, err := parseDescriptorSet(descriptorSet(t, files...))
		require.NoError(t, err)
		return s.Hash()
	}
	first := hash(files)
	slices.Reverse(files)
	assert.Equal(t, first, hash(files))
	assert.NotEqual(t, first, hash(files[:1]))

	sources["a.proto"] = "// A comment.\n" + sources["a.proto"]
	assert.Equal(t, first, hash(compileFiles(t, sources, "b.proto")))
	sources["b.proto"] += ` message Another {}`
	assert.NotEqual(t, first, hash(compileFiles(t, sources, "b.proto")))
}

func TestHashKnowsWhichServicesAreOffered(t *testing.T) {
	files := compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message M {} service S { rpc R(M) returns (stream M); } service T { rpc R(M) returns (stream M); }`,
	})
	hash := func(broken map[protoreflect.FullName]*BrokenService, offered ...protoreflect.FullName) string {
		s, err := newSnapshot(files, servicesIn(files, func(n protoreflect.FullName) bool { return slices.Contains(offered, n) }), broken)
		require.NoError(t, err)
		return s.Hash()
	}
	hashes := map[string]bool{
		hash(nil): true, hash(nil, "a.S"): true, hash(nil, "a.T"): true, hash(nil, "a.S", "a.T"): true,
		hash(map[protoreflect.FullName]*BrokenService{"a.T": {}}, "a.S"): true,
	}
	require.Len(t, hashes, 5)
}
