package app

import (
	"bytes"
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
	assert.Equal(t, "private", (*shareRow)(nil).summary())
}
