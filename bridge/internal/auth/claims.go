package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// claims are the claims of a token. Numbers are of the type json.Number, so that they keep the digits that the token has.
type claims map[string]any

var _ request.Claims = claims(nil)

// parseClaims reads the payload of a token.
func parseClaims(payload []byte) (claims, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var c claims
	if err := decoder.Decode(&c); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || c == nil {
		return nil, errors.New("the claims are not one object")
	}
	return c, nil
}

// Claim implements [request.Claims]. A name is that of a claim, or a path into claims that are objects, with a dot before each
// further name. The name of a claim may have dots itself: the longest name counts.
func (c claims) Claim(name string) (string, bool) {
	value, ok := find(c, name)
	if !ok {
		return "", false
	}
	return textOf(value)
}

// find returns the value at a path.
func find(object map[string]any, path string) (any, bool) {
	if value, ok := object[path]; ok {
		return value, true
	}
	for dot := strings.LastIndexByte(path, '.'); dot > 0; dot = strings.LastIndexByte(path[:dot], '.') {
		if inner, ok := object[path[:dot]].(map[string]any); ok {
			if value, ok := find(inner, path[dot+1:]); ok {
				return value, true
			}
		}
	}
	return nil, false
}

// textOf returns the text of a string, a number or a boolean.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// has reports whether a claim has a value, or is a list that has the value. The claims scope and scp are lists of words in one
// text (RFC 8693, 4.2).
func (c claims) has(name, want string) bool {
	value, ok := find(c, name)
	if !ok {
		return false
	}
	if list, ok := value.([]any); ok {
		for _, element := range list {
			if text, ok := textOf(element); ok && text == want {
				return true
			}
		}
		return false
	}
	text, ok := textOf(value)
	if ok && (name == "scope" || name == "scp") {
		for word := range strings.FieldsSeq(text) {
			if word == want {
				return true
			}
		}
	}
	return ok && text == want
}
