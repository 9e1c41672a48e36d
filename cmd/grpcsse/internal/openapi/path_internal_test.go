package openapi

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAPathTemplateInOpenAPI(t *testing.T) {
	for _, tt := range []struct {
		path, want, shape string
		exact             bool
	}{
		{"/", "/", "/", true},
		{"/quotes/{symbol}", "/quotes/{symbol}", "/quotes/{}", true},
		{"/quotes/{symbol=*}", "/quotes/{symbol}", "/quotes/{}", true},
		{"/{a.b_c.d}/x", "/{a.b_c.d}/x", "/{}/x", true},
		{"/v1/{name=shelves/*}", "/v1/shelves/{name}", "/v1/shelves/{}", false},
		{"/v1/{name=shelves/*/books/*}", "/v1/shelves/{name-1}/books/{name-2}", "/v1/shelves/{}/books/{}", false},
		{"/v1/{name=**}", "/v1/{name}", "/v1/{}", false},
		{"/files/**", "/files/{segment-1}", "/files/{}", false},
		{"/*/x/*", "/{segment-1}/x/{segment-2}", "/{}/x/{}", false},
		{"/quotes/{symbol}:watch", "/quotes/{symbol}:watch", "/quotes/{}:watch", true},
		{"/köln/{a}", "/k%C3%B6ln/{a}", "/k%C3%B6ln/{}", true},
	} {
		got := parseTemplate(tt.path)
		assert.Equal(t, tt.want, got.names(), tt.path)
		assert.Equal(t, tt.shape, got.shape(), tt.path)
		assert.Equal(t, tt.exact, got.exact(), tt.path)
	}
	assert.Equal(t, "/files/{segment-1-1}/{segment-1-2}/{segment-1-3}/x", parseTemplate("/files/**/x").spread(3).names())
}

func TestTheNameOfARouteAsAnIdentifier(t *testing.T) {
	for name, want := range map[string]string{
		"quotes of a symbol": "quotesOfASymbol", "quotes": "quotes", "7 seas": "seas", "köln-orders": "klnOrders", "价格": "", "a/b": "aB", "Größe": "Gre",
	} {
		assert.Equal(t, want, identifier(name), name)
	}
}

func TestSummaries(t *testing.T) {
	for doc, want := range map[string][2]string{
		"":                    {"", ""},
		"Watch watches.":      {"Watch watches", ""},
		"One. Two.":           {"One", "One. Two."},
		"One\nline.\n\nMore.": {"One line", "One\nline.\n\nMore."},
	} {
		summary, description := summarize(doc)
		assert.Equal(t, want, [2]string{summary, description}, doc)
	}
}
