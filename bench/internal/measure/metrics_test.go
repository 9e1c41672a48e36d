package measure_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/measure"
)

func TestScrape(t *testing.T) {
	text := "# HELP a text\na{x=\"b c\"} 1\na{x=\"d\"} 2.5\nb 1e+03\n"
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(web.Close)
	m, err := measure.Scrape(t.Context(), web.URL)
	require.NoError(t, err)
	assert.Equal(t, measure.Metrics{"a": 3.5, "b": 1000}, m)
	text = "a x\n"
	_, err = measure.Scrape(t.Context(), web.URL)
	require.Error(t, err)
}
