package source

import (
	"cmp"
	"context"
	"iter"
	"reflect"

	"google.golang.org/protobuf/proto"
)

// Func defines a source that is a Go iterator. f is called once for each stream, and iterated on a goroutine of the runner.
func Func[Req, Res any](f func(ctx context.Context, request Req) iter.Seq2[Res, error]) Definition {
	var def Definition
	input, mistake := requestOf[Req]()
	def.Input, def.Mistake, def.EmptyStruct = input.md, mistake, input.isEmpty()
	if output, mistake := descriptorOf[Res](); output != nil {
		def.Output = output
	} else {
		def.Value = reflect.TypeFor[Res]()
		def.Mistake = cmp.Or(def.Mistake, mistake, clashIn(def.Value))
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
		return &structRequest{}, "expected a struct, or a pointer to a generated message, as request, found " +
			reflect.TypeFor[Req]().String()
	}
	if r, mistake = newStructRequest(t); r == nil {
		return &structRequest{}, mistake
	}
	return r, ""
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
