package bridge_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// The file of the service does not import the types that its messages contain.
const feedFile = `name: "feed.proto" package: "app" syntax: "proto2" dependency: "google/protobuf/any.proto"
	message_type {
		name: "Event" extension_range { start: 100 end: 200 }
		field { name: "n" number: 1 label: LABEL_OPTIONAL type: TYPE_INT64 }
		field { name: "any" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Any" }
	}
	service { name: "Feed" method { name: "Watch" input_type: ".app.Event" output_type: ".app.Event" server_streaming: true } }`

// extraFile has an extension, and the types in the Any and in the status.
func extraFile(field string) string {
	return fmt.Sprintf(`name: "extra.proto" package: "extra" syntax: "proto2" dependency: "feed.proto"
		extension { name: "note" extendee: ".app.Event" number: 100 label: LABEL_OPTIONAL type: TYPE_STRING }
		message_type { name: "Fact" field { name: %q number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }`, field)
}

// startFeed serves app.Feed by reflection, which knows the files. Each stream has two events and a detail in its status.
func startFeed(t *testing.T, addr string, files ...string) *server {
	t.Helper()
	registry := new(protoregistry.Files)
	require.NoError(t, registry.RegisterFile(anypb.File_google_protobuf_any_proto))
	for _, text := range files {
		message := new(descriptorpb.FileDescriptorProto)
		require.NoError(t, prototext.Unmarshal([]byte(text), message))
		fd, err := protodesc.NewFile(message, registry)
		require.NoError(t, err)
		require.NoError(t, registry.RegisterFile(fd))
	}
	d, err := registry.FindDescriptorByName("app.Event")
	require.NoError(t, err)
	md := d.(protoreflect.MessageDescriptor)
	fact := &anypb.Any{TypeUrl: "type.googleapis.com/extra.Fact", Value: []byte("\x0a\x01x")}
	handle := func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(dynamicpb.NewMessage(md)); err != nil {
			return err
		}
		inside, err := proto.Marshal(fact)
		if err != nil {
			return err
		}
		for range 2 {
			wire := append([]byte{0x08, 7, 0x12, byte(len(inside))}, inside...)
			wire = append(wire, 0xa2, 0x06, 2, 'h', 'i') // field 100
			event := dynamicpb.NewMessage(md)
			if err := (proto.UnmarshalOptions{Resolver: new(protoregistry.Types)}).Unmarshal(wire, event); err != nil {
				return err
			}
			if err := stream.SendMsg(event); err != nil {
				return err
			}
		}
		return status.FromProto(&spb.Status{Code: int32(codes.NotFound), Message: "over", Details: []*anypb.Any{fact}}).Err()
	}
	lis, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	s := &server{grpc: grpc.NewServer(grpc.UnknownServiceHandler(handle)), addr: lis.Addr().String()}
	reflectionv1.RegisterServerReflectionServer(s.grpc, reflection.NewServerV1(reflection.ServerOptions{
		Services: feedOnly{}, DescriptorResolver: registry, ExtensionResolver: extensions{dynamicpb.NewTypes(registry)},
	}))
	var served sync.WaitGroup
	served.Go(func() { _ = s.grpc.Serve(lis) })
	t.Cleanup(func() { s.grpc.Stop(); served.Wait() })
	return s
}

// feedOnly lists the services of the server of app.Feed.
type feedOnly struct{}

func (feedOnly) GetServiceInfo() map[string]grpc.ServiceInfo {
	return map[string]grpc.ServiceInfo{"app.Feed": {}}
}

// extensions are found by their numbers. They are not listed.
type extensions struct{ *dynamicpb.Types }

func (extensions) RangeExtensionsByMessage(protoreflect.FullName, func(protoreflect.ExtensionType) bool) {
}

// startFeedFront serves app.Feed over a private and a shared stream.
func startFeedFront(t *testing.T, s *server, l *ledger) *front {
	t.Helper()
	cfg := parse(t, s, `
upstreams:
  feed: {target: "ADDR"}
routes:
  - {path: /private, rpc: app.Feed/Watch}
  - {path: /shared, rpc: app.Feed/Watch, share: {late_join: all}}
`)
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(l))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}
}

// feedOf returns the two events and the end that a browser receives.
func feedOf(t *testing.T, url string) []event {
	t.Helper()
	return newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url))).all(t)
}

func TestTypesThatNoServiceFileImportsAreRead(t *testing.T) {
	for _, path := range []string{"/private", "/shared"} {
		t.Run(path, func(t *testing.T) {
			l := &ledger{}
			f := startFeedFront(t, startFeed(t, "127.0.0.1:0", feedFile, extraFile("text")), l)
			got := feedOf(t, f.url+path)
			require.Len(t, got, 3)
			for _, ev := range got[:2] {
				assert.JSONEq(t, `{"n": "7", "any": {"@type": "type.googleapis.com/extra.Fact", "text": "x"}, "[extra.note]": "hi"}`, ev.data)
			}
			assert.Contains(t, got[2].data, `"details":[{"@type":"type.googleapis.com/extra.Fact","text":"x"}]`)
			require.NoError(t, f.bridge.Close())
			assert.NotContains(t, strings.Join(l.lines, "\n"), "type unknown")
		})
	}
}

func TestTypesThatTheServerDoesNotKnowAreSentAsBytes(t *testing.T) {
	for _, path := range []string{"/private", "/shared"} {
		t.Run(path, func(t *testing.T) {
			l := &ledger{}
			f := startFeedFront(t, startFeed(t, "127.0.0.1:0", feedFile), l)
			got := feedOf(t, f.url+path)
			require.Len(t, got, 3, "the stream continues to its end")
			for _, ev := range got[:2] {
				assert.JSONEq(t, `{"n": "7", "any": {"@type": "type.googleapis.com/extra.Fact", "value": "CgF4"}}`, ev.data)
			}
			assert.Contains(t, got[2].data, `"details":[{"@type":"type.googleapis.com/extra.Fact","value":"CgF4"}]`)
			require.NoError(t, f.bridge.Close())
			told := strings.Count(strings.Join(l.lines, "\n"), "type unknown "+path+" extra.Fact")
			assert.Equal(t, 2, told, "the observer is told of each event")
		})
	}
}

// The service and its file are the same before and after the change of the type.
func TestAServerWithAnotherFormOfATypeNeedsNoRestart(t *testing.T) {
	before := startFeed(t, loopback.Own(), feedFile, extraFile("old"))
	f := startFeedFront(t, before, &ledger{})
	for _, path := range []string{"/private", "/shared"} {
		got := feedOf(t, f.url+path)
		require.Len(t, got, 3)
		assert.Contains(t, got[0].data, `"old":"x"`)
	}
	before.grpc.Stop()
	startFeed(t, before.addr, feedFile, extraFile("new"))
	for _, path := range []string{"/private", "/shared"} {
		var last []event
		require.Eventually(t, func() bool {
			last = feedOf(t, f.url+path)
			return len(last) == 3 && strings.Contains(last[0].data, `"new":"x"`)
		}, patience, patience/100, "%s: %v", path, &last)
		assert.Contains(t, last[2].data, `"new":"x"`, "the status has the new form, too")
	}
}
