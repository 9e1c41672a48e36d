package source_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestInterceptorsOfAServiceRunInTheirOrder(t *testing.T) {
	var order []string
	check := func(impl any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		order = append(order, "check "+info.FullMethod)
		assert.True(t, info.IsServerStream)
		assert.False(t, info.IsClientStream)
		md, _ := metadata.FromIncomingContext(stream.Context())
		if len(md.Get("authorization")) == 0 {
			return status.Error(codes.Unauthenticated, "no credentials")
		}
		return next(impl, stream)
	}
	inner := func(impl any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		order = append(order, "inner")
		return next(impl, stream)
	}
	kind := map[string]func(*source.Runner, watch) source.Source{
		"service": func(r *source.Runner, w watch) source.Source { return serviceOf(w, check, inner).Source(r) },
	}
	w := func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		order = append(order, "method")
		return nil
	}
	every(t, kind, w, func(t *testing.T, r rig) {
		requireEnd(t, r.open(t.Context(), t), codes.Unauthenticated, "no credentials")
		assert.Equal(t, []string{"check " + watchMethod}, order)
		order = nil
		_, err := r.open(t.Context(), t, "authorization", "Bearer x").Recv()
		require.Error(t, err)
		assert.Equal(t, []string{"check " + watchMethod, "inner", "method"}, order)
	})
}

func TestAMethodThatAServiceLacks(t *testing.T) {
	_, err := serviceOf(untilCancelled).Source(source.NewRunner(nil)).Open(t.Context(), "/test.stream.v1.StreamService/Wach", nil, nil)
	assert.Equal(t, codes.Unimplemented, status.Code(err))
}

func TestOnlyServerStreamingMethodsAreServed(t *testing.T) {
	desc := streamv1.StreamService_ServiceDesc
	desc.Streams = append(slices.Clone(desc.Streams),
		grpc.StreamDesc{StreamName: "Upload", ClientStreams: true},
		grpc.StreamDesc{StreamName: "Chat", ClientStreams: true, ServerStreams: true})
	src := source.Service{Desc: &desc, Impl: server{}}.Source(source.NewRunner(nil))
	for _, method := range []string{"Upload", "Chat"} {
		_, err := src.Open(t.Context(), "/test.stream.v1.StreamService/"+method, nil, nil)
		assert.Equal(t, codes.Unimplemented, status.Code(err), method)
	}
}

func TestAServiceReceivesOneRequest(t *testing.T) {
	twice := func(_ any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
		var r streamv1.WatchRequest
		if err := stream.RecvMsg(&r); err != nil {
			return err
		}
		if err := stream.RecvMsg(&r); !errors.Is(err, io.EOF) {
			return status.Errorf(codes.Internal, "expected EOF, found %v", err)
		}
		return status.Error(codes.Aborted, r.GetTopic())
	}
	kind := map[string]func(*source.Runner, watch) source.Source{
		"service": func(r *source.Runner, w watch) source.Source { return serviceOf(w, twice).Source(r) },
	}
	every(t, kind, nil, func(t *testing.T, r rig) {
		requireEnd(t, r.open(t.Context(), t), codes.Aborted, "x")
	})
}

func TestTheDescriptorOfAService(t *testing.T) {
	desc := func(change func(*grpc.ServiceDesc)) *grpc.ServiceDesc {
		d := streamv1.StreamService_ServiceDesc
		change(&d)
		return &d
	}
	s := streamv1.UnimplementedStreamServiceServer{}
	for name, tt := range map[string]struct {
		service source.Service
		want    string // a part of the error; "" for none
	}{
		"a service":       {source.Service{Desc: &streamv1.StreamService_ServiceDesc, Impl: s}, ""},
		"written by hand": {source.Service{Desc: desc(func(d *grpc.ServiceDesc) { d.HandlerType = nil }), Impl: t}, ""},
		"written by hand, without an implementation": {source.Service{Desc: desc(func(d *grpc.ServiceDesc) { d.HandlerType = nil })}, "expected an implementation"},
		"nil":                    {source.Service{Impl: s}, "expected a service, found nil"},
		"no implementation":      {source.Service{Desc: &streamv1.StreamService_ServiceDesc}, "expected an implementation of streamv1.StreamServiceServer, found <nil>"},
		"another implementation": {source.Service{Desc: &streamv1.StreamService_ServiceDesc, Impl: t}, "found *testing.T"},
		"not linked":             {source.Service{Desc: desc(func(d *grpc.ServiceDesc) { d.ServiceName = "nowhere.Service" }), Impl: s}, "whose generated code is linked"},
		"a message":              {source.Service{Desc: desc(func(d *grpc.ServiceDesc) { d.ServiceName = "test.stream.v1.Event" }), Impl: s}, "found another kind of that name"},
	} {
		sd, err := tt.service.Descriptor()
		if tt.want == "" {
			require.NoError(t, err, name)
			assert.EqualValues(t, "test.stream.v1.StreamService", sd.FullName(), name)
			continue
		}
		require.ErrorContains(t, err, tt.want, name)
		assert.Nil(t, sd, name)
	}
}
