package schema

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// The two versions of the reflection service. Their messages are the same on the wire.
const (
	methodV1      = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	methodV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// asker asks a server's reflection service, one question at a time, on one stream while that lasts. It belongs to one
// goroutine.
type asker struct {
	conn   grpc.ClientConnInterface
	budget budget
	method string          // of the version that the server has
	dotted map[string]bool // services that the server calls by a name with a dot before it

	stream grpc.ClientStream // nil while there is none
	cancel context.CancelFunc
	used   bool // the stream has brought an answer
}

func newAsker(conn grpc.ClientConnInterface, limits limits) *asker {
	return &asker{conn: conn, budget: budget{limits: limits}, method: methodV1, dotted: map[string]bool{}}
}

// streamError is a failure of the stream, as opposed to an answer that is an error. It keeps its gRPC status.
type streamError struct{ err error }

func (e *streamError) Error() string { return e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// GRPCStatus is the stream's own.
func (e *streamError) GRPCStatus() *status.Status { return status.Convert(e.err) }

// bars says whether err, the outcome of one question, bars all further ones too: a limit, or a stream that ended for a
// reason that has nothing to do with the question.
func bars(err error) bool {
	if limit := (*limitError)(nil); errors.As(err, &limit) {
		return true
	}
	if stream := (*streamError)(nil); !errors.As(err, &stream) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled,
		codes.Unimplemented, codes.Unauthenticated, codes.PermissionDenied:
		return true
	}
	return false
}

// unreached says whether the server was not reached or did not answer in time: nothing that it said.
func unreached(err error) bool {
	if stream := (*streamError)(nil); !errors.As(err, &stream) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}

// list asks for the names of all services, by the version that the server has: v1, or v1alpha where it refuses v1 in
// whatever way. Old servers, and proxies that know only v1alpha, do that with many codes.
func (a *asker) list(ctx context.Context) ([]string, error) {
	names, err := a.listBy(ctx, methodV1)
	if err == nil || unreached(err) || ctx.Err() != nil {
		return names, err
	}
	if limit := (*limitError)(nil); errors.As(err, &limit) {
		return nil, err
	}
	names, second := a.listBy(ctx, methodV1Alpha)
	switch {
	case second == nil:
		return names, nil
	case unreached(second), status.Code(err) == codes.Unimplemented && status.Code(second) != codes.Unimplemented:
		return nil, second
	}
	return nil, &refusedError{first: err, second: second}
}

func (a *asker) listBy(ctx context.Context, method string) ([]string, error) {
	a.leave()
	a.method = method
	answer, err := a.ask(ctx, &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return nil, err
	}
	list := answer.GetListServicesResponse()
	if list == nil {
		return nil, status.Error(codes.Unknown, "expected a ListServiceResponse, found another answer")
	}
	names := make([]string, len(list.GetService()))
	for i, service := range list.GetService() {
		// Node.js servers write a dot before a service without a package, and know it by that name only.
		name, dotted := strings.CutPrefix(service.GetName(), ".")
		if dotted {
			a.dotted[name] = true
		}
		names[i] = name
	}
	return names, nil
}

// refusedError is a server that takes neither version.
type refusedError struct{ first, second error }

func (e *refusedError) Error() string { return e.first.Error() }
func (e *refusedError) Unwrap() error { return e.first }

// GRPCStatus is that of the newer version.
func (e *refusedError) GRPCStatus() *status.Status { return status.Convert(e.first) }

// files asks for files. An answer that is an error, or is of another kind, is no *streamError.
func (a *asker) files(ctx context.Context, question *reflectionv1.ServerReflectionRequest) ([][]byte, error) {
	answer, err := a.ask(ctx, question)
	if err != nil {
		return nil, err
	}
	files := answer.GetFileDescriptorResponse()
	if files == nil {
		return nil, status.Error(codes.Unknown, "expected a FileDescriptorResponse, found another answer")
	}
	return files.GetFileDescriptorProto(), nil
}

// ask sends a question. A server may end a stream after any answer, so that a stream which has brought one is replaced
// once.
func (a *asker) ask(ctx context.Context, question *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
	if err := a.budget.check(); err != nil {
		return nil, err
	}
	used := a.used
	answer, err := a.exchange(ctx, question)
	if err != nil {
		a.leave()
		if used && ctx.Err() == nil {
			if answer, err = a.exchange(ctx, question); err != nil {
				a.leave()
			}
		}
	}
	if err != nil {
		return nil, &streamError{err}
	}
	a.used = true
	if err := a.budget.count(answer); err != nil {
		return nil, err
	}
	if refusal := answer.GetErrorResponse(); refusal != nil {
		code := codes.Code(refusal.GetErrorCode()) //nolint:gosec // an unknown code stays one
		if code == codes.OK {
			code = codes.Unknown // an answer that is an error is one
		}
		return nil, status.Error(code, refusal.GetErrorMessage())
	}
	return answer, nil
}

func (a *asker) exchange(ctx context.Context, question *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	// io.EOF says that the stream is over: receiving tells why.
	if err := a.stream.SendMsg(question); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	answer := new(reflectionv1.ServerReflectionResponse)
	err := a.stream.RecvMsg(answer)
	if errors.Is(err, io.EOF) {
		return nil, status.Error(codes.Unknown, "the server ended the stream without an answer")
	}
	return answer, err
}

func (a *asker) open(ctx context.Context) error {
	if a.stream != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	desc := &grpc.StreamDesc{StreamName: "ServerReflectionInfo", ServerStreams: true, ClientStreams: true}
	stream, err := a.conn.NewStream(ctx, desc, a.method, grpc.MaxCallRecvMsgSize(a.budget.limits.bytes))
	if err != nil {
		cancel()
		return err
	}
	a.stream, a.cancel, a.used = stream, cancel, false
	return nil
}

// leave ends the stream, if there is one. The next question opens another.
func (a *asker) leave() {
	if a.stream != nil {
		a.cancel()
		a.stream, a.cancel, a.used = nil, nil, false
	}
}

func bySymbol(name string) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	}
}

func byFilename(path string) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileByFilename{FileByFilename: path},
	}
}

func byExtension(message string, number int32) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingExtension{
			FileContainingExtension: &reflectionv1.ExtensionRequest{ContainingType: message, ExtensionNumber: number},
		},
	}
}

// explainReflection says what the user can do about it. It keeps the error inside.
func explainReflection(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("schema by reflection: %w", err)
	}
	said := strings.TrimSpace(s.Message())
	const instead = "or give the schema with --descriptor-set or --proto (schema.descriptor_set or schema.proto in the file)"
	text := ""
	switch s.Code() {
	case codes.Unimplemented:
		return &reflectionError{err, "the server has no reflection (neither grpc.reflection.v1 nor v1alpha): enable it there, " + instead}
	case codes.Unavailable:
		return &reflectionError{err, "the server cannot be reached: " + said}
	case codes.DeadlineExceeded:
		return &reflectionError{err, fmt.Sprintf("the server gave no full answer within %v: %s", reflectionTimeout, said)}
	case codes.Unauthenticated, codes.PermissionDenied:
		text = fmt.Sprintf("the server refuses it (%s): send credentials with the upstream's metadata, %s", said, instead)
	default:
		text = fmt.Sprintf("the server answers %v: %s", s.Code(), said)
	}
	if both := (*refusedError)(nil); errors.As(err, &both) {
		text += fmt.Sprintf(" (that was grpc.reflection.v1; v1alpha: %v: %s)", status.Code(both.second), strings.TrimSpace(status.Convert(both.second).Message()))
	}
	return &reflectionError{err, text}
}

// reflectionError is gRPC's error with words for people.
type reflectionError struct {
	err  error
	text string
}

func (e *reflectionError) Error() string { return "schema by reflection: " + e.text }
func (e *reflectionError) Unwrap() error { return e.err }
