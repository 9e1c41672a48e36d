package bridge

import (
	"context"
	"iter"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Func returns a source that is a Go iterator: each value that it yields becomes an event.
//
//	bridge.Func(func(ctx context.Context, request *pb.WatchRequest) iter.Seq2[*pb.Quote, error] { … })
//
// The function is called once for each stream, concurrently, and iterated on a goroutine of its own. When the browser
// leaves, ctx ends and yield returns false, so that deferred clean-up runs; an iterator that waits for something must wait
// for ctx too. It may use a value again once yield has returned, and yield waits for a browser that is slow.
//
// An iterator that returns ends the stream with OK. An error that it yields ends the stream with its gRPC status
// ([google.golang.org/grpc/status.FromError]): CANCELLED and DEADLINE_EXCEEDED for those of a context, UNKNOWN for an
// error without one. A panic is logged, and ends its stream with INTERNAL.
//
// The request is what the route binds path, query, body and Request.Set to: a generated protobuf message, or a struct, or a
// pointer to one, whose fields have the names that encoding/json gives them. Such fields are text, numbers, bools, []byte,
// time.Time, time.Duration, types with UnmarshalText, structs of such, and pointers to and slices of them; a pointer tells
// what is absent from a zero. Where there is nothing to bind, struct{} does. What is yielded is a generated message too, or any other Go value: that is encoded with encoding/json, and
// `event.id`, `event.name` and `event.data` name its fields as the JSON does; the route's JSONOptions do not concern it.
//
// What the route forwards and sets is incoming metadata of ctx. Functions such as grpc.SetHeader work on ctx too; the first
// value, or grpc.SendHeader, tells that the stream has begun.
func Func[Req, Res any](f func(ctx context.Context, request Req) iter.Seq2[Res, error]) Source {
	var src Source
	input, mistake := requestOf[Req]()
	src.input, src.mistake = input.md, mistake
	if output, mistake := descriptorOf[Res](); output != nil {
		src.output = output
	} else {
		src.value = reflect.TypeFor[Res]()
		src.mistake += mistake
	}
	if f == nil {
		src.mistake = "expected a function, found nil"
	}
	src.open = func(p *program, encode encoder) source {
		return &callSource{program: p, encode: encode, serve: func(c *call) error {
			request, err := decodeRequest[Req](input, c.request)
			if err != nil {
				return err
			}
			for message, err := range f(c.ctx, request) {
				if err != nil {
					return err
				}
				if err := c.send(message); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	return src
}

// requestOf returns what the requests of a function look like: of a generated message it knows no fields.
func requestOf[Req any]() (r *structRequest, mistake string) {
	md, mistake := descriptorOf[Req]()
	if md != nil || mistake != "" {
		return &structRequest{md: md}, mistake
	}
	t := reflect.TypeFor[Req]()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return &structRequest{}, "expected a struct, or a pointer to a generated message, as request, found " + reflect.TypeFor[Req]().String()
	}
	if r, mistake = newStructRequest(t); r == nil {
		return &structRequest{}, mistake
	}
	return r, ""
}

// descriptorOf returns the descriptor of a generated message, nil for any other type.
func descriptorOf[T any]() (md protoreflect.MessageDescriptor, mistake string) {
	var zero T
	if reflect.TypeFor[T]().Kind() == reflect.Interface {
		if reflect.TypeFor[T]().Implements(reflect.TypeFor[proto.Message]()) {
			return nil, "expected the type of a generated message, found the interface " + reflect.TypeFor[T]().String()
		}
		return nil, ""
	}
	switch m := any(zero).(type) {
	case *dynamicpb.Message:
		return nil, "expected the type of a generated message, found *dynamicpb.Message, which can be any"
	case proto.Message:
		return m.ProtoReflect().Descriptor(), ""
	}
	return nil, ""
}

// decodeRequest returns the request that wire holds. Req is known to be a message, a struct, or a pointer to one.
func decodeRequest[Req any](r *structRequest, wire []byte) (request Req, err error) {
	m, ok := any(request).(proto.Message)
	if !ok {
		into := reflect.ValueOf(&request).Elem()
		if into.Kind() == reflect.Pointer {
			into.Set(reflect.New(into.Type().Elem()))
			into = into.Elem()
		}
		return request, r.decode(wire, into)
	}
	decoded := m.ProtoReflect().New().Interface()
	if err := unmarshal(wire, decoded); err != nil {
		return request, err
	}
	request, _ = decoded.(Req) // of the same type: it came of Req's own descriptor
	return request, nil
}
