package schema

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/descriptorpb"
)

// show is a reflection service by what it has: files in text form, by the symbol and by the path that they are the answer to.
type show struct {
	services       []string
	symbols, paths map[string][]string
}

func (s show) answer(t testing.TB) answers {
	parse := func(texts []string) *reflectionv1.ServerReflectionResponse {
		var wires [][]byte
		for _, text := range texts {
			wires = append(wires, marshalFile(t, parseFile(t, text)))
		}
		return describing(wires...)
	}
	return func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetListServices() != "" {
			return listing(s.services...), nil
		}
		if texts, ok := s.symbols[q.GetFileContainingSymbol()]; ok {
			return parse(texts), nil
		}
		if texts, ok := s.paths[q.GetFileByFilename()]; ok {
			return parse(texts), nil
		}
		return refusing(codes.NotFound, "not here"), nil
	}
}

// registerAlpha offers a reflection service as v1alpha: the messages are the same on the wire.
func (a answers) registerAlpha(server *grpc.Server) {
	desc := reflectionv1.ServerReflection_ServiceDesc
	desc.ServiceName = "grpc.reflection.v1alpha.ServerReflection"
	server.RegisterService(&desc, a)
}

// service is the text of a file with a message M that has the given fields, and a service S.
func service(pkg, path, more string) string {
	return fmt.Sprintf(`name: %q package: %q syntax: "proto3" %s
		service { name: "S" method { name: "R" input_type: ".%[2]s.M" output_type: ".%[2]s.M" server_streaming: true } }`, path, pkg, more)
}

func field(name, typeName string) string {
	return fmt.Sprintf(`message_type { name: "M" field { name: %q number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: %q } }`, name, typeName)
}

const (
	plainM  = `message_type { name: "M" }`
	typesT  = `name: "types.proto" package: "types" syntax: "proto3" message_type { name: "T" field { name: "a" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 } }`
	elseT   = `name: "v2/types.proto" package: "types" syntax: "proto3" message_type { name: "T" field { name: "b" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 } }`
	noT     = `name: "types.proto" syntax: "<unknown:0>"`
	emptyBy = `name: "empty.proto" package: "google.protobuf" syntax: "proto3" message_type { name: "Empty" }`
)

func TestSchemasAsServersShowThem(t *testing.T) {
	good := service("good", "good.proto", plainM)
	tests := map[string]struct {
		show
		broken map[string]string // service to what is said of it
	}{
		"a placeholder for the file of an option": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", plainM+`dependency: "options.proto"`), `name: "options.proto" syntax: "<unknown:0>"`}},
		}},
		"a placeholder by its path": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", plainM+`dependency: "options.proto"`)}},
			paths:   map[string][]string{"options.proto": {`name: "options.proto" syntax: "<unknown:0>"`}},
		}},
		"a placeholder for a file whose types are needed": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto"`), noT}, "types.T": {typesT}},
		}},
		"a well-known type by a short path": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".google.protobuf.Empty")+`dependency: "empty.proto"`)}},
		}},
		"a well-known type by its path in Go": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".google.protobuf.Empty")+`dependency: "github.com/golang/protobuf/ptypes/empty/empty.proto"`)}},
		}},
		"a well-known type in a file of another path": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".google.protobuf.Empty")+`dependency: "empty.proto"`), emptyBy}},
		}},
		"a type by another path": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "github.com/x/types.proto"`)}, "types.T": {typesT}},
		}},
		"a file by another name": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "x/types.proto"`)}},
			paths:   map[string][]string{"x/types.proto": {typesT}},
		}},
		"an import that nobody uses is missing": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", plainM+`dependency: "gone.proto"`)}},
		}},
		"an import that nobody uses cannot be linked": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", plainM+`dependency: "bad.proto"`), `name: "bad.proto" message_type { name: "B" field { name: "x" number: 1 label: LABEL_OPTIONAL type_name: ".gone.T" } }`}},
		}},
		"an import that is missing": {
			show:   show{symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto"`)}}},
			broken: map[string]string{"a.S": "the schema of a.S cannot be read: import types.proto is missing"},
		},
		"a type that is missing": {
			show:   show{symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".types.T"))}}},
			broken: map[string]string{"a.S": "the schema of a.S cannot be read: the type types.T is missing"},
		},
		"an answer without the imports of imports": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".b.M")+`dependency: "b.proto"`)}},
			paths: map[string][]string{
				"b.proto":     {`name: "b.proto" package: "b" dependency: "types.proto" ` + field("t", ".types.T")},
				"types.proto": {typesT},
			},
		}},
		"files twice, and an import twice": {show: show{
			symbols: map[string][]string{"a.S": {
				service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto" dependency: "types.proto"`), typesT, typesT,
				service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto" dependency: "types.proto"`),
			}},
		}},
		"a cycle that nobody needs": {show: show{
			symbols: map[string][]string{"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto"`), typesT + `dependency: "a.proto"`}},
		}},
		"a cycle": {
			show: show{symbols: map[string][]string{"a.S": {
				service("a", "a.proto", field("t", ".b.M")+`dependency: "b.proto" message_type { name: "N" }`), `name: "b.proto" package: "b" dependency: "a.proto" ` + field("t", ".a.N"),
			}}},
			broken: map[string]string{"a.S": "the schema of a.S cannot be read: its imports form a cycle"},
		},
		"public and weak imports": {show: show{
			symbols: map[string][]string{"a.S": {
				service("a", "a.proto", field("t", ".types.T")+`dependency: "gone.proto" dependency: "public.proto" weak_dependency: 0`),
				`name: "public.proto" dependency: "void.proto" dependency: "types.proto" public_dependency: 0 public_dependency: 1`, typesT,
			}},
		}},
		"editions": {show: show{
			symbols: map[string][]string{"a.S": {
				`name: "a.proto" package: "a" syntax: "editions" edition: EDITION_2023 dependency: "types.proto" ` + field("t", ".types.T") +
					`service { name: "S" method { name: "R" input_type: ".a.M" output_type: ".a.M" server_streaming: true } }`, typesT,
			}},
		}},
		"an edition that is not known yet": {
			show:   show{symbols: map[string][]string{"a.S": {`name: "a.proto" package: "a" syntax: "editions" edition: EDITION_99999_TEST_ONLY service { name: "S" }`}}},
			broken: map[string]string{"a.S": "the schema of a.S cannot be read"},
		},
		"no package": {show: show{
			services: []string{"S"},
			symbols:  map[string][]string{"S": {`name: "s.proto" message_type { name: "M" } service { name: "S" method { name: "R" input_type: ".M" output_type: ".M" server_streaming: true } }`}},
		}},
		"two services in files of one path": {show: show{
			services: []string{"a.S", "b.S"},
			symbols:  map[string][]string{"a.S": {service("a", "service.proto", plainM)}, "b.S": {service("b", "service.proto", plainM)}},
		}},
		"one type under two paths": {show: show{
			services: []string{"a.S", "b.S"},
			symbols: map[string][]string{
				"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto"`), typesT},
				"b.S": {service("b", "b.proto", field("t", ".types.T")+`dependency: "v2/types.proto"`), elseT},
			},
		}},
		"a broken service beside one with the same imports": {
			show: show{
				services: []string{"a.S", "b.S"},
				symbols: map[string][]string{
					"a.S": {service("a", "a.proto", field("t", ".gone.T")+`dependency: "types.proto"`), typesT},
					"b.S": {service("b", "b.proto", field("t", ".types.T")+`dependency: "types.proto"`), typesT},
				},
			},
			broken: map[string]string{"a.S": "the schema of a.S cannot be read: the type gone.T is missing"},
		},
	}
	for name, test := range tests {
		for version, register := range map[string]func(answers, *grpc.Server){"v1": answers.register, "v1alpha": answers.registerAlpha} {
			t.Run(name+" by "+version, func(t *testing.T) {
				if test.services == nil {
					test.services = []string{"a.S"}
				}
				shown := test.show
				shown.services = append([]string{"good.S"}, test.services...)
				shown.symbols["good.S"] = []string{good}
				s, err := reflect(t, func(server *grpc.Server) { register(shown.answer(t), server) })
				require.NoError(t, err)
				_, err = s.Method("good.S", "R")
				require.NoError(t, err, "a broken service never breaks a good one")
				for _, name := range test.services {
					_, err := s.Method(name, "R")
					if want := test.broken[name]; want != "" {
						var broken *BrokenService
						require.ErrorAs(t, err, &broken)
						assert.Equal(t, want, broken.PublicMessage())
						continue
					}
					require.NoError(t, err, name)
				}
				assert.Len(t, s.Broken(), len(test.broken))
			})
		}
	}
}

// Each of two services has the type that its own file imports, whoever is read first.
func TestOneTypeOfTwoMeanings(t *testing.T) {
	symbols := map[string][]string{
		"a.S": {service("a", "a.proto", field("t", ".types.T")+`dependency: "types.proto"`), typesT},
		"b.S": {service("b", "b.proto", field("t", ".types.T")+`dependency: "types.proto"`), `name: "types.proto"` + elseT[len(`name: "v2/types.proto"`):]},
	}
	for _, services := range [][]string{{"a.S", "b.S"}, {"b.S", "a.S"}} {
		s, err := reflect(t, show{services: services, symbols: symbols}.answer(t).register)
		require.NoError(t, err)
		for service, want := range map[string]string{"a.S": "a", "b.S": "b"} {
			md, err := s.Method(service, "R")
			require.NoError(t, err)
			message := md.Output().Fields().ByName("t").Message()
			assert.EqualValues(t, want, message.Fields().Get(0).Name(), service)
			mt, err := s.Types(md.Parent().FullName()).FindMessageByName("types.T")
			require.NoError(t, err)
			assert.Equal(t, message, mt.Descriptor(), service)
		}
	}
}

// A server is asked by v1alpha whatever it is that it says to v1, unless it was not reached.
func TestV1AlphaAfterAnyRefusal(t *testing.T) {
	shown := show{services: []string{"a.S"}, symbols: map[string][]string{"a.S": {service("a", "a.proto", plainM)}}}.answer(t)
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		refuse := answers(func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
			return nil, status.Error(code, "not by this name")
		})
		s, err := reflect(t, func(server *grpc.Server) { refuse.register(server); shown.registerAlpha(server) })
		if code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.Canceled {
			require.Equal(t, code, status.Code(err), "a failure of the way there")
			continue
		}
		require.NoError(t, err, code)
		require.True(t, s.HasService("a.S"))
		inside := answers(func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
			return refusing(code, "not by this name"), nil
		})
		_, err = reflect(t, func(server *grpc.Server) { inside.register(server); shown.registerAlpha(server) })
		require.NoError(t, err, "%v as an answer", code)
	}
}

func TestBothVersionsRefused(t *testing.T) {
	refuse := func(code codes.Code, message string) answers {
		return func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
			return nil, status.Error(code, message)
		}
	}
	_, err := reflect(t, func(server *grpc.Server) {
		refuse(codes.Unauthenticated, "no token").register(server)
		refuse(codes.Internal, "oh dear").registerAlpha(server)
	})
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	for _, want := range []string{"refuses it (no token)", "v1alpha: Internal: oh dear", "--descriptor-set", "--proto", "schema.descriptor_set", "schema.proto"} {
		require.ErrorContains(t, err, want)
	}
	_, err = reflect(t, func(server *grpc.Server) { refuse(codes.PermissionDenied, "not you").registerAlpha(server) })
	require.Equal(t, codes.PermissionDenied, status.Code(err), "v1 is not there: what v1alpha says counts")
}

// A broken service shows as much as its own file says: which methods a caller may ask for.
func TestBrokenServicesHaveMethods(t *testing.T) {
	file := parseFile(t, service("a", "a.proto", field("t", ".gone.T")))
	file.Service[0].Method = append(file.Service[0].Method, &descriptorpb.MethodDescriptorProto{Name: new("Get")})
	s, err := reflect(t, answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		switch {
		case q.GetListServices() != "":
			return listing("a.S"), nil
		case q.GetFileContainingSymbol() == "a.S":
			return describing(marshalFile(t, file)), nil
		}
		return refusing(codes.NotFound, "secret"), nil
	}).register)
	require.NoError(t, err)
	require.Len(t, s.Broken(), 1)
	assert.Equal(t, []BrokenMethod{{Name: "R"}}, s.Broken()[0].Streaming)
	assert.NotContains(t, s.Broken()[0].PublicMessage(), "secret")
}
