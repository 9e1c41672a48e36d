package route

import (
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

func appendText(dst, text []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// Digest identifies a compiled route by its content: by everything that can change the bytes that callers receive, or how
// callers are served. It is the same in every process of the same version. The name of the route is not part of the digest,
// since two routes may have the same name. Its limits are not either: streams that are open stay open when a limit changes.
type Digest [sha256.Size]byte

// newDigest returns the digest of a route that is compiled for the schema with the given hash. auth has what decides about its
// callers, and from provides its messages.
func newDigest(r *config.Route, auth *config.Auth, schemaHash string, from Provider) Digest {
	return digestOf(transcode.Version, r, auth, schemaHash, from)
}

// digestOf is newDigest for a version of the transcoder's output, so that replicas of two releases do not share a stream.
func digestOf(version uint64, r *config.Route, auth *config.Auth, schemaHash string, from Provider) Digest {
	nameless := *r
	nameless.Name, nameless.Limits = "", config.RouteLimits{}
	content := appendValue(binary.AppendUvarint(nil, version), reflect.ValueOf(nameless))
	content = appendText(content, []byte(schemaHash))
	content = appendText(content, []byte(from.Registration))
	if from.Upstream != nil {
		content = appendValue(content, reflect.ValueOf(*from.Upstream))
	}
	return sha256.Sum256(appendCallers(content, r, auth))
}

// appendCallers appends what decides about the callers of a route, beside the route itself.
func appendCallers(dst []byte, r *config.Route, auth *config.Auth) []byte {
	jwt, ask := auth.Of(r)
	return appendValue(appendValue(dst, reflect.ValueOf(jwt)), reflect.ValueOf(ask))
}

// ContentOf returns the digest of what the configuration says about a route, without its schema where that comes by reflection.
// schemaHash is the hash of a schema that comes from files, and "" otherwise.
func ContentOf(r *config.Route, auth *config.Auth, schemaHash string, from Provider) Digest {
	return newDigest(r, auth, schemaHash, from)
}

// UpstreamContent returns the digest of everything that the configuration says about an upstream. Positions in a file are not
// part of it.
func UpstreamContent(u *config.Upstream) Digest {
	return sha256.Sum256(appendValue(nil, reflect.ValueOf(*u)))
}

// Provider identifies what sends the messages of a route. Exactly one field is set.
type Provider struct {
	Upstream *config.Upstream
	// Registration is a random text. It identifies code of this process, which no other process has.
	Registration string
}

// appendValue appends the content of a value of the configuration, so that different values give different bytes. It skips
// unexported fields: they hold positions in the file, which have no effect on a route.
func appendValue(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case reflect.Int, reflect.Int64:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int()))
	case reflect.String:
		return appendText(dst, []byte(v.String()))
	case reflect.Struct:
		return appendFields(dst, v)
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return append(dst, 0)
		}
		return appendElements(append(dst, 1), v)
	}
	panic("a configuration holds a " + v.Kind().String() + ", which no digest knows") // a test covers all types of package config
}

func appendFields(dst []byte, v reflect.Value) []byte {
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() {
			dst = appendValue(appendText(dst, []byte(field.Name)), v.Field(i))
		}
	}
	return dst
}

// appendElements appends the target of a pointer, or the elements of a slice or a map.
func appendElements(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Slice:
		dst = binary.AppendUvarint(dst, uint64(v.Len()))
		for _, element := range v.Seq2() {
			dst = appendValue(dst, element)
		}
		return dst
	case reflect.Map:
		dst = binary.AppendUvarint(dst, uint64(v.Len()))
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			dst = appendValue(appendValue(dst, key), v.MapIndex(key))
		}
		return dst
	}
	return appendValue(dst, v.Elem())
}
