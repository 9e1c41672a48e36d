package app

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// The name of a field may be that of a stranger's schema. It neither controls the terminal nor makes a column.
func TestTheTableOfRoutesIsPlainText(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, table(&out, []routeRow{{
		Methods: []string{"GET"}, Path: "/x", State: "served",
		Request: &requestRow{Query: []boundRow{{Name: "a\x1b[2J\tb\nc\u202e\u009b", Type: describe.String}}},
	}}))
	assert.Equal(t, "METHOD  PATH  RPC  UPSTREAM  SOURCE  FIELDS             SHARING  STATE\n"+
		"GET     /x         ?                 query=a\ufffd[2J\ufffdb\ufffdc\ufffd\ufffd  private  served\n", out.String())
}

func TestTheTableShowsFewNames(t *testing.T) {
	names := func(n int) (rows []boundRow) {
		for i := range n {
			rows = append(rows, boundRow{Name: string(rune('a' + i))})
		}
		return rows
	}
	for n, want := range map[int]string{0: "-", 1: "query=a", 4: "query=a,b,c,d", 5: "query=a,b,c,d,+1", 9: "query=a,b,c,d,+5"} {
		assert.Equal(t, want, (&requestRow{Query: names(n)}).summary())
	}
	assert.Equal(t, "-", (*requestRow)(nil).summary())
}

func TestTheTableSaysHowRoutesAreShared(t *testing.T) {
	assert.Equal(t, "private", (*shareRow)(nil).summary())
	for want, row := range map[string]shareRow{
		"none":             {LateJoin: "none"},
		"latest_by:symbol": {LateJoin: "latest_by", Field: "symbol"},
		"latest pace=1s":   {LateJoin: "latest", Pace: "1s"},
		"latest_by:symbol pace=100ms newest_by=symbol": {LateJoin: "latest_by", Field: "symbol", Pace: "100ms", NewestBy: "symbol"},
	} {
		assert.Equal(t, want, row.summary())
	}
}

// The JSON of a stranger's schema does not control the terminal either. Its value stays what it is.
func TestTheJSONOfRoutesIsPlainText(t *testing.T) {
	const name = "a\u009b2J\u202e\u2028\u200f\x7f\U000e0041<b>"
	var out bytes.Buffer
	require.NoError(t, writeJSON(&out, listing{Routes: []routeRow{{Name: name}}, Problems: []problemRow{{Message: name}}}))
	const shown = `"a\u009b2J\u202e\u2028\u200f\u007f\udb40\udc41<b>"`
	assert.Contains(t, out.String(), "{\n  \"routes\": [\n    {\n      \"name\": "+shown+",\n")
	assert.Contains(t, out.String(), `"message": `+shown)
	var back listing
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	assert.Equal(t, name, back.Routes[0].Name)
}
