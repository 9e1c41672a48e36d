package bridge_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestCodesThatGRPCDoesNotHave(t *testing.T) {
	for _, code := range []codes.Code{17, 99, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		s := startServer(t, "127.0.0.1:0", count(0, status.Error(code, "")))
		_, resp, answer := ask(t, clients(t)["HTTP1"], startFront(t, s, routeFile()).url+"/watch/x")
		assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
		assert.Equal(t, "2", resp.Header.Get("Grpc-Status"))
		assert.Equal(t, answerOf{Code: 2, Status: "UNKNOWN", Message: "the upstream failed with an unknown error", Retry: true, Reason: "upstream"}, answer)
	}
}

// failing is a server that ends each stream with the code NOT_FOUND, a message and details.
func failing(t *testing.T, message string, details ...*anypb.Any) *server {
	t.Helper()
	p := status.New(codes.NotFound, message).Proto()
	p.Details = details
	return startServer(t, "127.0.0.1:0", count(0, status.ErrorProto(p)))
}

func TestHostileStatusMessages(t *testing.T) {
	for name, tt := range map[string]struct{ message, want string }{
		"line breaks":   {"a\nevent: forged\r\n\r\ndata: b\n\n", "a\nevent: forged\r\n\r\ndata: b\n\n"},
		"NUL":           {"a\x00b", "a\x00b"},
		"invalid UTF-8": {"a\xffb", "a\ufffdb"},
		"huge":          {strings.Repeat("x", 100<<10), strings.Repeat("x", 16<<10) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			_, resp, answer := ask(t, clients(t)["HTTP1"], startFront(t, failing(t, tt.message), routeFile()).url+"/watch/x")
			assert.Equal(t, http.StatusNotFound, resp.StatusCode)
			assert.Equal(t, tt.want, answer.Message)
		})
	}
}

func TestHostileStatusDetails(t *testing.T) {
	small := &anypb.Any{TypeUrl: "no.such/Type", Value: []byte("x")}
	for name, tt := range map[string]struct {
		details []*anypb.Any
		want    int
	}{
		"huge":          {[]*anypb.Any{small, {TypeUrl: "no.such/Type", Value: make([]byte, 100<<10)}, small}, 1},
		"many":          {make([]*anypb.Any, 1000), 1000},
		"malformed":     {[]*anypb.Any{{TypeUrl: "x/test.stream.v1.Event", Value: []byte{0xff}}}, 1},
		"no type":       {[]*anypb.Any{{TypeUrl: "\n"}}, 1},
		"Any in Any":    {[]*anypb.Any{{TypeUrl: "/google.protobuf.Any", Value: nestedAny(2000)}}, 1},
		"nested deeply": {[]*anypb.Any{{TypeUrl: "/test.stream.v1.Filter", Value: nestedFilter(9998)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for i, d := range tt.details {
				if d == nil {
					tt.details[i] = small
				}
			}
			_, resp, answer := ask(t, clients(t)["HTTP1"], startFront(t, failing(t, "no", tt.details...), routeFile("open_wait: 5s")).url+"/watch/x")
			assert.Equal(t, http.StatusNotFound, resp.StatusCode)
			assert.Equal(t, "no", answer.Message)
			assert.Len(t, answer.Details, tt.want)
		})
	}
}

func nestedAny(depth int) []byte {
	var v []byte
	for range depth {
		outer := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "/google.protobuf.Any")
		v = protowire.AppendBytes(protowire.AppendTag(outer, 2, protowire.BytesType), v)
	}
	return v
}

func nestedFilter(depth int) []byte {
	var v []byte
	for range depth {
		v = protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), v)
	}
	return v
}

// withDescriptorSet does the same as routeFile, with the schema in a file. The file has the schema of the test service, and
// files.
func withDescriptorSet(t *testing.T, rpc string, files ...*descriptorpb.FileDescriptorProto) string {
	t.Helper()
	set := filepath.Join(t.TempDir(), "test.binpb")
	files = append(files, protodesc.ToFileDescriptorProto(streamv1.File_test_stream_v1_stream_proto))
	data, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: files})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(set, data, 0o600))
	file := strings.Replace(routeFile(), `"ADDR"`, fmt.Sprintf(`"ADDR", schema: {descriptor_set: %q}`, set), 1)
	return strings.Replace(file, "test.stream.v1.StreamService/Watch", rpc, 1)
}

func TestTheAnswerOfAProxyIsNotShown(t *testing.T) {
	for _, code := range []int{401, 403, 404, 429, 500, 503} {
		web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "<h1>gateway 10.1.2.3 refused</h1>")
		}))
		web.Config.Protocols = new(http.Protocols)
		web.Config.Protocols.SetUnencryptedHTTP2(true)
		web.Start()
		t.Cleanup(web.Close)
		f := startFront(t, &server{addr: web.Listener.Addr().String()}, withDescriptorSet(t, "test.stream.v1.StreamService/Watch"))
		told, _, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/x")
		assert.Contains(t, answer.Message, "the upstream ")
		assert.NotContains(t, told.data, "10.1.2.3")
	}
}

// wrongFieldMask is a schema in which google.protobuf.FieldMask has other fields, and a method that streams it: protojson
// panics on it.
func wrongFieldMask() *descriptorpb.FileDescriptorProto {
	mask, method := ".google.protobuf.FieldMask", "Watch"
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("wrong.proto"), Package: proto.String("google.protobuf"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("FieldMask"),
			Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("topic"), JsonName: proto.String("topic"), Number: proto.Int32(7),
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			}},
		}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("Wrong"),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name: &method, InputType: &mask, OutputType: &mask, ServerStreaming: proto.Bool(true),
			}},
		}},
	}
}

func TestADetailWhoseJSONPanicsIsSentAsItsBytes(t *testing.T) {
	s := failing(t, "no", &anypb.Any{TypeUrl: "/google.protobuf.FieldMask", Value: []byte{1}})
	f := startFront(t, s, withDescriptorSet(t, "test.stream.v1.StreamService/Watch", wrongFieldMask()))
	_, _, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/x")
	assert.Equal(t, []map[string]any{{"@type": "/google.protobuf.FieldMask", "value": "AQ=="}}, answer.Details)
}

func TestAFalseWellKnownTypePutsItsRouteOutOfOrder(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo, grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		return stream.SendMsg(&streamv1.Event{})
	}))
	f := startFront(t, s, withDescriptorSet(t, "google.protobuf.Wrong/Watch", wrongFieldMask()))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 1)
	assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the route does not fit the schema of its method","retry":true,"reason":"route"}`,
		got[0].data, "its messages have no JSON form, which is known before the first one")
}

func TestCloseTellsTheConnectedClients(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 1ms"))
	client := clients(t)["HTTP1"]
	r := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
	s.requireStreams(t, 1)
	require.NoError(t, f.bridge.Close())
	require.NoError(t, f.bridge.Close(), "a second call does nothing")
	got := r.all(t)
	require.Len(t, got, 1)
	assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the bridge is shutting down","retry":true,"reason":"drain"}`, got[0].data)
	_, resp, answer := ask(t, client, f.url+"/watch/x")
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "drain", answer.Reason)
	assert.EqualValues(t, 1, s.opened.Load())
}

func TestReadyEndsWithTheBridge(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and sends nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = lis.Close() })
	b, err := bridge.New(t.Context(), config.ForUpstream(lis.Addr().String()))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	assert.Error(t, b.Ready(ctx))
	assert.NoError(t, ctx.Err())
}

// recorder is a connection that accepts all bytes at once.
type recorder struct{ *httptest.ResponseRecorder }

func (recorder) SetWriteDeadline(time.Time) error { return nil }

func TestOnlyFailuresKeepBrowsersAway(t *testing.T) {
	failing := count(0, status.Error(codes.Unavailable, ""))
	for name, tt := range map[string]struct {
		watch watch
		onEnd config.OnEnd
		retry float64 // in milliseconds, after an hour, without the jitter of a fifth
	}{
		"a client that leaves a silent upstream": {untilCancelled, config.OnEndStop, 500},
		"an OK without events":                   {count(0, nil), config.OnEndReconnect, 500},
		"a failure":                              {failing, config.OnEndStop, 30_000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{}
				s.watch.Store(&tt.watch)
				r := config.NewRoute("/watch/{topic}")
				r.Service, r.Method = "test.stream.v1.StreamService", "Watch"
				r.Event.Retry, r.OpenWait, r.OnEnd = 500*time.Millisecond, time.Millisecond, tt.onEnd
				r.Reopen.MaxAttempts = 1
				b, err := bridge.New(t.Context(), config.New(r), bridge.WithService(&streamv1.StreamService_ServiceDesc, s))
				require.NoError(t, err)
				visit := func() string {
					ctx, leave := context.WithTimeout(t.Context(), time.Second)
					defer leave()
					w := recorder{httptest.NewRecorder()}
					b.ServeHTTP(w, eventSource(ctx, t, "/watch/x"))
					return w.Body.String()
				}
				visit()
				time.Sleep(time.Hour) // if the upstream counted as failed for this time, the reconnection time would have grown
				text := visit()
				ms, _, _ := strings.Cut(text[strings.LastIndex(text, "retry: ")+len("retry: "):], "\n")
				assert.InEpsilon(t, tt.retry, parseInt(t, ms), 0.2, text)
				require.NoError(t, b.Close())
			})
		})
	}
}
