package tracing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzParent states that the span of a client has the ids that its traceparent spells, and that a repeated traceparent counts
// as none. A tracestate is bounded and has only printable ASCII.
func FuzzParent(f *testing.F) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f.Add(good, "vendor=a,other=b", "third=c")
	f.Add(good, strings.Repeat("a", 200)+"="+strings.Repeat("b", 200), strings.Repeat("c", 100)+"="+strings.Repeat("d", 100))
	f.Add(good, "vendor=a\r\nx-forged: 1", "")
	f.Add(strings.ToUpper(good), "", "")
	f.Add(good+"-and-more", "a=\x00", "a=b")
	f.Add("cc"+good[2:]+"-and-more", "", "")
	f.Add("ff"+good[2:], "=", ",")
	f.Add("00-00000000000000000000000000000000-b7ad6b7169203331-01", "", "")
	f.Add("cc"+good[2:]+"-"+strings.Repeat("x", maxHeader), "", "")
	f.Fuzz(func(t *testing.T, traceparent, state, more string) {
		got := parent([]string{traceparent}, []string{state, more})
		require.False(t, parent([]string{traceparent, traceparent}, nil).IsValid())
		if !got.IsValid() {
			require.Empty(t, IDOf([]string{traceparent}))
			require.Zero(t, got.TraceState().Len())
			return
		}
		require.LessOrEqual(t, len(traceparent), maxHeader)
		require.Equal(t, traceparent[3:35], got.TraceID().String())
		require.Equal(t, traceparent[36:52], got.SpanID().String())
		require.Equal(t, traceparent[3:35], IDOf([]string{traceparent}))
		kept := got.TraceState().String()
		require.LessOrEqual(t, len(kept), maxHeader)
		for i := range len(kept) {
			assert.True(t, kept[i] >= ' ' && kept[i] <= '~', "%q", kept)
		}
	})
}
