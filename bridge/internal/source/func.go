package source

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
func Func[Req, Res any](f func(ctx context.Context, request Req) iter.Seq2[Res, error]) Definition {
	var def Definition
	input, mistake := requestOf[Req]()
	def.Input, def.Mistake, def.EmptyStruct = input.md, mistake, input.isEmpty()
	if output, mistake := descriptorOf[Res](); output != nil {
		def.Output = output
	} else {
		def.Value = reflect.TypeFor[Res]()
		def.Mistake += mistake
	}
	if f == nil {
		def.Mistake = "expected a function, found nil"
	}
	def.open = func(runner *Runner, encode encoder) Source {
		return &callSource{runner: runner, encode: encode, serve: func(c *call) error {
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
	return def
}

// requestOf describes the requests of a function. For a generated message, the result holds the descriptor only.
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

// decodeRequest decodes a request. Req is a generated message, a struct, or a pointer to a struct: requestOf has refused every
// other type.
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
	request, _ = decoded.(Req) // New returns a message of the same Go type
	return request, nil
}
