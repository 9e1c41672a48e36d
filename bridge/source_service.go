package bridge

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// WithService makes a gRPC service of this process an upstream without a connection: impl's server-streaming methods are
// called directly, concurrently, each on a goroutine of its own. Routes find the service by the name in `rpc`; it goes
// before upstreams that have it too, unless the route names one of them.
//
//	bridge.WithService(&pb.MarketService_ServiceDesc, server)
//
// A method works as behind a connection: its context ends when the browser leaves, and has the route's deadline; what the
// route forwards and sets is incoming metadata; the header that it sends can be exposed; Send waits for a browser that is
// slow; the error that it returns is the end's status. Trailers have no place in an event stream. A panic is logged, and
// ends its stream with INTERNAL.
//
// The interceptors of a grpc.Server do not run, those that check credentials neither: give them here again. The first one
// is the outermost.
func WithService(desc *grpc.ServiceDesc, impl any, interceptors ...grpc.StreamServerInterceptor) Option {
	return optionFunc(func(o *options) {
		o.services = append(o.services, service{desc: desc, impl: impl, interceptors: interceptors})
	})
}

// service is what WithService was given.
type service struct {
	desc         *grpc.ServiceDesc
	impl         any
	interceptors []grpc.StreamServerInterceptor
}

func (s service) problem(message string) *config.Problem {
	name := ""
	if s.desc != nil {
		name = s.desc.ServiceName
	}
	return &config.Problem{Path: "bridge.WithService(" + name + ")", Message: message}
}

// backend returns the service as an upstream.
func (s service) backend(p *program) (*backend, *config.Problem) {
	if s.desc == nil {
		return nil, s.problem("expected a service, found nil")
	}
	if want, ok := s.implemented(); !ok {
		return nil, s.problem(fmt.Sprintf("expected an implementation of %v, found %T", want, s.impl))
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(s.desc.ServiceName))
	if err != nil {
		return nil, s.problem("expected a service whose generated code is linked into the program: " + err.Error())
	}
	sd, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, s.problem("expected a service, found another kind of that name")
	}
	snap, err := schema.FromProgram(sd)
	if err != nil {
		return nil, s.problem(err.Error())
	}
	u := &backend{
		cfg:    &config.Upstream{Name: inProcess},
		source: s.source(p),

		registration: rand.Text(),
		tried:        make(chan struct{}),
		snapshot:     snap,
	}
	u.markTried()
	return u, nil
}

// implemented reports whether impl has the methods of the service, and what they are.
func (s service) implemented() (want reflect.Type, ok bool) {
	if want = reflect.TypeOf(s.desc.HandlerType); want == nil || want.Kind() != reflect.Pointer || want.Elem().Kind() != reflect.Interface {
		return nil, s.impl != nil // a description written by hand may not say
	}
	want = want.Elem()
	return want, s.impl != nil && reflect.TypeOf(s.impl).Implements(want)
}

func (s service) source(p *program) serviceSource {
	src := serviceSource{}
	for _, stream := range s.desc.Streams {
		if !stream.ServerStreams || stream.ClientStreams {
			continue
		}
		method := "/" + s.desc.ServiceName + "/" + stream.StreamName
		handler := s.intercepted(method, stream.Handler)
		src[method] = &callSource{program: p, encode: encodeMessage, serve: func(c *call) error {
			return handler(s.impl, &serverStream{call: c})
		}}
	}
	return src
}

// intercepted puts the interceptors around the handler of a method.
func (s service) intercepted(method string, handler grpc.StreamHandler) grpc.StreamHandler {
	info := &grpc.StreamServerInfo{FullMethod: method, IsServerStream: true}
	for i := len(s.interceptors) - 1; i >= 0; i-- {
		interceptor, next := s.interceptors[i], handler
		handler = func(impl any, stream grpc.ServerStream) error { return interceptor(impl, stream, info, next) }
	}
	return handler
}

// serviceSource has the server-streaming methods of a service by their names as gRPC calls them.
type serviceSource map[string]*callSource

func (s serviceSource) Open(ctx context.Context, method string, request []byte, md metadata.MD) (messageStream, error) {
	src, ok := s[method]
	if !ok {
		return nil, status.Error(codes.Unimplemented, "the service has no handler for "+method)
	}
	return src.Open(ctx, method, request, md)
}

// serverStream is a call as the generated code of a service sees it.
type serverStream struct {
	call     *call
	received bool // the one request
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
