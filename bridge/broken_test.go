package bridge_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// partly is a reflection service that describes a good service, good.S, and lists shop.v1.Orders without what it imports.
type partly struct {
	reflectionv1.UnimplementedServerReflectionServer
	bare bool // the file of the broken service is missing, too
}

func file(pkg, name, path string, dependency ...string) *descriptorpb.FileDescriptorProto {
	options := new(descriptorpb.MethodOptions)
	proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{
		Pattern:            &annotations.HttpRule_Get{Get: path},
		AdditionalBindings: []*annotations.HttpRule{{Pattern: &annotations.HttpRule_Post{Post: path + "/post"}}},
	})
	field := &descriptorpb.FieldDescriptorProto{Name: new("n"), Number: new(int32(1)), Type: descriptorpb.FieldDescriptorProto_TYPE_INT64.Enum()}
	if len(dependency) > 0 {
		field.Type, field.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), new(".gone.T")
	}
	return &descriptorpb.FileDescriptorProto{
		Name: new(pkg + ".proto"), Package: &pkg, Dependency: dependency,
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("M"), Field: []*descriptorpb.FieldDescriptorProto{field}}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: &name, Method: []*descriptorpb.MethodDescriptorProto{{
			Name: new("Watch"), InputType: new("." + pkg + ".M"), OutputType: new("." + pkg + ".M"), ServerStreaming: new(true), Options: options,
		}}}},
	}
}

func (p partly) ServerReflectionInfo(stream reflectionv1.ServerReflection_ServerReflectionInfoServer) error {
	for {
		q, err := stream.Recv()
		if err != nil {
			return nil
		}
		answer := new(reflectionv1.ServerReflectionResponse)
		describe := func(f *descriptorpb.FileDescriptorProto) {
			wire, _ := proto.Marshal(f)
			answer.MessageResponse = &reflectionv1.ServerReflectionResponse_FileDescriptorResponse{
				FileDescriptorResponse: &reflectionv1.FileDescriptorResponse{FileDescriptorProto: [][]byte{wire}},
			}
		}
		switch symbol := q.GetFileContainingSymbol(); {
		case q.GetListServices() != "":
			answer.MessageResponse = &reflectionv1.ServerReflectionResponse_ListServicesResponse{ListServicesResponse: &reflectionv1.ListServiceResponse{
				Service: []*reflectionv1.ServiceResponse{{Name: "good.S"}, {Name: "shop.v1.Orders"}},
			}}
		case symbol == "good.S":
			describe(file("good", "S", "/good"))
		case symbol == "shop.v1.Orders" && !p.bare:
			describe(file("shop.v1", "Orders", "/orders", "internal/x.proto"))
		default:
			answer.MessageResponse = &reflectionv1.ServerReflectionResponse_ErrorResponse{ErrorResponse: &reflectionv1.ErrorResponse{
				ErrorCode: int32(codes.NotFound), ErrorMessage: "secret of the server",
			}}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func startPartly(t *testing.T, p partly) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	reflectionv1.RegisterServerReflectionServer(s, p)
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); served.Wait() })
	return lis.Addr().String()
}

func TestABrokenServiceIsReportedAndItsRoutesRefuse(t *testing.T) {
	const missing = "the schema of shop.v1.Orders cannot be read: import internal/x.proto is missing"
	tests := map[string]struct {
		server     partly
		file       string // "" for all methods of the server
		paths      []string
		want       string
		notThere   []string // 404
		isNoRoute  bool
		onlyWarned bool
	}{
		"every method of a server": {
			paths: []string{"/shop.v1.Orders/Watch", "/shop.v1.Orders/Unknown", "/shop.v1.Orders/a/b"}, want: missing,
			notThere: []string{"/shop.v1.Other/Watch", "/good.S/Unknown"},
		},
		"every method of a server, nothing known": {
			server: partly{bare: true}, paths: []string{"/shop.v1.Orders/Watch"}, want: "the schema of shop.v1.Orders cannot be read",
			notThere: []string{"/shop.v1.Other/Watch"},
		},
		"annotations": {
			file: "{annotations: true, target: %q}", paths: []string{"/orders"}, want: missing, notThere: []string{"/other"},
		},
		"annotations, nothing known": {
			server: partly{bare: true}, file: "{annotations: true, target: %q}", paths: []string{"/any"},
			want: "the schema of shop.v1.Orders cannot be read", isNoRoute: true,
		},
		"a listed route": {
			file: "{target: %q}\nroutes:\n  - {path: /mine, rpc: shop.v1.Orders/Watch}", paths: []string{"/mine"}, want: missing, notThere: []string{"/other"},
		},
		"a route of another service": {
			file: "{target: %q}\nroutes:\n  - {path: /mine, rpc: good.S/Watch}", notThere: []string{"/other"}, isNoRoute: true, onlyWarned: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := config.ForUpstream(startPartly(t, tt.server))
			if tt.file != "" {
				var err error
				cfg, err = config.Parse("grpcsse.yaml", []byte("upstreams:\n  shop: "+fmt.Sprintf(tt.file, cfg.Upstreams[0].Target)+"\n"))
				require.NoError(t, err)
			}
			b, err := bridge.New(t.Context(), cfg)
			require.NoError(t, err)
			url := serveHTTP(t, b)
			require.NoError(t, b.Ready(t.Context()))
			for _, path := range tt.paths {
				_, resp, answer := ask(t, clients(t)["HTTP1"], url+path)
				assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, path)
				assert.Equal(t, tt.want, answer.Message)
				assert.True(t, answer.Retry)
			}
			for _, path := range tt.notThere {
				resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+path))
				assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
			}
			var told []*config.Problem
			for _, p := range b.Problems() {
				if strings.Contains(p.Message, "shop.v1.Orders") {
					told = append(told, p)
				}
			}
			require.Len(t, told, 1, "once")
			assert.Equal(t, tt.onlyWarned, told[0].Warning)
			listed := false
			for _, info := range b.Routes() {
				listed = listed || info.Problem != nil && strings.HasPrefix(info.RPC, "shop.v1.Orders/")
			}
			assert.Equal(t, !tt.isNoRoute, listed)
		})
	}
}

func TestAnnotationsThatAreIgnored(t *testing.T) {
	cfg, err := config.Parse("grpcsse.yaml", fmt.Appendf(nil, "upstreams:\n  shop: {annotations: true, target: %q}\ndefaults: {event: {id: gone}}\n", startPartly(t, partly{})))
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	require.NoError(t, b.Ready(t.Context()))
	var post, id *config.Problem
	for _, p := range b.Problems() {
		switch {
		case strings.Contains(p.Message, "post /good/post"):
			post = p
		case strings.Contains(p.Message, `"gone"`):
			id = p
		}
	}
	require.NotNil(t, post)
	assert.True(t, post.Warning)
	require.NotNil(t, id)
	for _, p := range []*config.Problem{post, id} {
		assert.Equal(t, "good.proto: annotation of good.S.Watch", p.Path, "the position is not that of `defaults`")
		assert.Zero(t, p.Line)
	}
	assert.Contains(t, id.Message, "event.id: ")
}

// A server that is down is one problem, also if many routes wait for the server.
func TestOneServerDownIsOneProblem(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	file := "upstreams:\n  up: {target: " + fmt.Sprintf("%q", s.addr) + "}\n  down: {target: \"127.0.0.1:1\"}\nroutes:\n"
	for i := range 20 {
		file += fmt.Sprintf("  - {path: /r%d, rpc: shop.v1.Orders/Watch}\n", i)
	}
	cfg, err := config.Parse("grpcsse.yaml", []byte(file))
	require.NoError(t, err)
	lines := &logLines{}
	problems := bridge.Check(t.Context(), cfg, bridge.WithLogger(slog.New(lines)))
	require.Len(t, problems, 1, problems)
	assert.Contains(t, problems[0].Message, `upstream "down"`)
	lines.mu.Lock()
	defer lines.mu.Unlock()
	assert.LessOrEqual(t, len(lines.text), 4, "one line for each upstream whose schema is read, and one line for the problem: %q", lines.text)
}

func TestCheckReturnsEachErrorOfNew(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NotPanics(t, func() { bridge.Check(ctx, config.ForUpstream("127.0.0.1:1")) })
}

// logLines records the messages of a log.
type logLines struct {
	mu   sync.Mutex
	text []string
}

func (*logLines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *logLines) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l *logLines) WithGroup(string) slog.Handler                  { return l }
func (l *logLines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, r.Message)
	return nil
}
