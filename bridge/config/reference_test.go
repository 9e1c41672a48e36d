package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestParseReferences(t *testing.T) {
	text := func(s string) Part { return Part{Text: s} }
	tests := []struct {
		in   string
		want Template
	}{
		{"", nil},
		{"plain", Template{text("plain")}},
		{"5$ and $x", Template{text("5$ and $x")}},
		{"$$", Template{text("$")}},
		{"$$$$", Template{text("$$")}},
		{"$${env.A}", Template{text("${env.A}")}},
		{"$$${env.A}", Template{text("$"), {Ref: "env.A"}}},
		{"a${env.A:-}b", Template{text("a"), {Ref: "env.A", HasDefault: true}, text("b")}},
		{"${env.A:-x:-y}", Template{{Ref: "env.A", Default: "x:-y", HasDefault: true}}},
		{"${last_event_id:-0}", Template{{Ref: "last_event_id", Default: "0", HasDefault: true}}},
		{"${header.x-foo}${path.a.b}${query.q}${cookie.s}${claim.https://id/x}", Template{
			{Ref: "header.x-foo"}, {Ref: "path.a.b"}, {Ref: "query.q"}, {Ref: "cookie.s"}, {Ref: "claim.https://id/x"},
		}},
	}
	for _, tt := range tests {
		got, errs := parseReferences(tt.in)
		assert.Empty(t, errs, tt.in)
		assert.Equal(t, tt.want, got, tt.in)
	}
}

func TestReferencesOfEscapedTextAreTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringOf(rapid.RuneFrom([]rune("${}:-ae.nv"))).Draw(t, "text")
		parts, errs := parseReferences(strings.ReplaceAll(want, "$", "$$"))
		n := &node{value: parts}
		if len(errs) > 0 || n.text() != want {
			t.Fatalf("got %q, %v", n.text(), errs)
		}
	})
}
