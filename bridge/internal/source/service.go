package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Service is a gRPC service of this process. Its server-streaming methods are called without a connection.
type Service struct {
	Desc *grpc.ServiceDesc
	// Impl implements the service.
	Impl any
	// Interceptors run around each method. The first one is the outermost.
	Interceptors []grpc.StreamServerInterceptor
}

// Name returns the full name of the service, "" where Desc is nil.
func (s Service) Name() string {
	if s.Desc == nil {
		return ""
	}
	return s.Desc.ServiceName
}

// Descriptor checks the service, and returns its descriptor from the generated code that is linked into the program.
func (s Service) Descriptor() (protoreflect.ServiceDescriptor, error) {
	if s.Desc == nil {
		return nil, errors.New("expected a service, found nil")
	}
	if want, ok := s.implemented(); !ok {
		return nil, fmt.Errorf("expected an implementation of %v, found %T", want, s.Impl)
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(s.Desc.ServiceName))
	if err != nil {
		return nil, fmt.Errorf("expected a service whose generated code is linked into the program: %w", err)
	}
	sd, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, errors.New("expected a service, found another kind of that name")
	}
	return sd, nil
}

// implemented reports whether Impl implements the interface that Desc asks for, and returns that interface.
func (s Service) implemented() (want reflect.Type, ok bool) {
	want = reflect.TypeOf(s.Desc.HandlerType)
	if want == nil || want.Kind() != reflect.Pointer || want.Elem().Kind() != reflect.Interface {
		return nil, s.Impl != nil // a description that was written by hand may name no interface
	}
	want = want.Elem()
	return want, s.Impl != nil && reflect.TypeOf(s.Impl).Implements(want)
}

// Source returns the source of the service's server-streaming methods. They run on runner.
func (s Service) Source(runner *Runner) Source {
	src := serviceSource{}
	for _, stream := range s.Desc.Streams {
		if !stream.ServerStreams || stream.ClientStreams {
			continue
		}
		method := "/" + s.Desc.ServiceName + "/" + stream.StreamName
		handler := s.intercepted(method, stream.Handler)
		src[method] = &callSource{runner: runner, encode: encodeMessage, serve: func(c *call) error {
			return handler(s.Impl, &serverStream{call: c})
		}}
	}
	return src
}

// intercepted puts the interceptors around the handler of a method.
func (s Service) intercepted(method string, handler grpc.StreamHandler) grpc.StreamHandler {
	info := &grpc.StreamServerInfo{FullMethod: method, IsServerStream: true}
	for i := len(s.Interceptors) - 1; i >= 0; i-- {
		interceptor, next := s.Interceptors[i], handler
		handler = func(impl any, stream grpc.ServerStream) error { return interceptor(impl, stream, info, next) }
	}
	return handler
}

// serviceSource holds the server-streaming methods of a service. The keys have gRPC's form, /package.Service/Method.
type serviceSource map[string]*callSource

func (s serviceSource) Open(ctx context.Context, method string, request []byte, md metadata.MD) (Stream, error) {
	src, ok := s[method]
	if !ok {
		return nil, status.Error(codes.Unimplemented, "the service has no handler for "+method)
	}
	return src.Open(ctx, method, request, md)
}

// UsesContextValues implements [Source].
func (serviceSource) UsesContextValues() bool { return true }

// serverStream is the stream that the generated code of a service is given.
type serverStream struct {
	call     *call
	received bool // reports whether the one request was received
}

var _ grpc.ServerStream = (*serverStream)(nil)

func (s *serverStream) Context() context.Context        { return s.call.ctx }
func (s *serverStream) SetHeader(md metadata.MD) error  { return s.call.setHeader(md) }
func (s *serverStream) SendHeader(md metadata.MD) error { return s.call.sendHeader(md) }
func (s *serverStream) SetTrailer(metadata.MD)          {}
func (s *serverStream) SendMsg(m any) error             { return s.call.send(m) }

func (s *serverStream) RecvMsg(m any) error {
	if s.received {
		return io.EOF
	}
	s.received = true
	return unmarshal(s.call.request, m)
}
