package ending_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

func TestCodesHaveTheNamesOfGoogleRPCCode(t *testing.T) {
	for number, name := range code.Code_name {
		c := ending.CodeOf(uint32(number))
		assert.EqualValues(t, number, c)
		assert.Equal(t, name, c.String())
	}
	for _, number := range []uint32{17, 99, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		assert.Equal(t, ending.Unknown, ending.CodeOf(number), "%d", number)
		assert.Equal(t, "UNKNOWN", ending.Code(number).String(), "%d", number)
	}
}

// The HTTP statuses are those in the comments of google/rpc/code.proto.
func TestWhatACodeMeans(t *testing.T) {
	for c, want := range map[ending.Code]struct {
		http        int
		retry       bool
		serverFault bool
	}{
		ending.OK:                 {http: 200},
		ending.Canceled:           {http: 499, retry: true},
		ending.Unknown:            {http: 500, retry: true, serverFault: true},
		ending.InvalidArgument:    {http: 400},
		ending.DeadlineExceeded:   {http: 504, retry: true, serverFault: true},
		ending.NotFound:           {http: 404},
		ending.AlreadyExists:      {http: 409},
		ending.PermissionDenied:   {http: 403},
		ending.ResourceExhausted:  {http: 429, retry: true},
		ending.FailedPrecondition: {http: 400},
		ending.Aborted:            {http: 409, retry: true},
		ending.OutOfRange:         {http: 400},
		ending.Unimplemented:      {http: 501, serverFault: true},
		ending.Internal:           {http: 500, retry: true, serverFault: true},
		ending.Unavailable:        {http: 503, retry: true, serverFault: true},
		ending.DataLoss:           {http: 500, serverFault: true},
		ending.Unauthenticated:    {http: 401},
	} {
		e := ending.Refuse(c, ending.ByUpstream, "why")
		assert.Equal(t, want.http, e.HTTPStatus, c)
		assert.Equal(t, want.retry, e.Retry, c)
		assert.Equal(t, want.serverFault, c.ServerFault(), c)
		assert.NotEmpty(t, c.NeutralMessage(), c)
	}
	assert.Equal(t, "the upstream answered data loss", ending.DataLoss.NeutralMessage())
}

func TestAFinalEndingHasTheIDThatTheBridgeAnswersWith204(t *testing.T) {
	final := string(ending.Refuse(ending.NotFound, ending.ByUpstream, "no such room").Frame())
	assert.Equal(t, `event: grpc-status
data: {"code":5,"status":"NOT_FOUND","message":"no such room","retry":false,"reason":"upstream"}
id: `+sse.EndID+`

event: grpc-end
data: {}

`, final)
	again := string(ending.ShuttingDown().Frame())
	assert.Equal(t, `event: grpc-status
data: {"code":14,"status":"UNAVAILABLE","message":"the bridge is shutting down","retry":true,"reason":"drain"}

`, again)
}

func TestAClientWhoseRequestMayHaveHadAnEffectIsNotToldToComeBack(t *testing.T) {
	e := ending.ShuttingDown()
	assert.Same(t, e, e.ForClient(false))
	once := e.ForClient(true)
	assert.False(t, once.Retry)
	assert.True(t, e.Retry, "the ending for other clients is unchanged")
	refused := ending.Refuse(ending.PermissionDenied, ending.ByUpstream, "")
	assert.Same(t, refused, refused.ForClient(true))
	assert.True(t, refused.ComeBack().Retry)
	assert.False(t, refused.Retry)
}

func TestDetailsThatCannotBeParsedAreLeftOut(t *testing.T) {
	e := ending.Refuse(ending.NotFound, ending.ByUpstream, "a\nb")
	e.Details = []json.RawMessage{json.RawMessage(`{"@type":"x/y"}`)}
	assert.Contains(t, string(e.JSON()), `"details":[{"@type":"x/y"}]`)
	for name, detail := range map[string]string{
		"nested too deeply": strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		"no JSON":           `{"@type":`,
	} {
		e.Details = []json.RawMessage{json.RawMessage(detail)}
		require.True(t, json.Valid(e.JSON()), name)
		assert.NotContains(t, string(e.JSON()), "details", name)
		assert.Contains(t, string(e.JSON()), `"message":"a\nb"`, name)
	}
}

func TestEndingsAtALimitTurnClientsAway(t *testing.T) {
	for by, want := range map[ending.Reason]bool{
		ending.ByLimit: true, ending.ByDrain: true, ending.ByRoute: true,
		ending.ByUpstream: false, ending.ByRequest: false, ending.ByMaxAge: false, ending.ByMessage: false, ending.BySlow: false,
	} {
		assert.Equal(t, want, ending.Refuse(ending.Unavailable, by, "").TurnsAway(), by)
	}
}

func TestNotices(t *testing.T) {
	id, ok := sse.EncodeID([]byte("7"))
	require.True(t, ok)
	for want, block := range map[string][]byte{
		"event: grpc-cursor\ndata: {}\nid: 7\n\n":                                   ending.CursorBlock(id),
		"event: grpc-stale\ndata: {\"code\":14,\"status\":\"UNAVAILABLE\"}\n\n":     ending.StaleBlock(ending.Unavailable),
		"event: grpc-live\ndata: {}\n\n":                                            ending.LiveBlock(),
		"event: grpc-reset\ndata: {\"reason\":\"slow\",\"last_event_id\":\"\"}\n\n": ending.ResetBlock(ending.ResetSlow, ""),
	} {
		assert.Equal(t, want, string(block))
	}
	for reset, name := range map[ending.Reset]string{
		ending.NoReset: "", ending.ResetExpired: "expired", ending.ResetEpoch: "epoch", ending.ResetSlow: "slow", ending.ResetInvalid: "invalid",
	} {
		assert.Equal(t, name, reset.String())
	}
}

func TestAHostileIDInAResetIsCutAndStaysOnItsLine(t *testing.T) {
	block := string(ending.ResetBlock(ending.ResetInvalid, "a\nevent: forged\ndata: \xff"+strings.Repeat("x", 1<<20)))
	assert.Equal(t, 3, strings.Count(block, "\n"), "an event, its data, and the end of the block")
	assert.Less(t, len(block), 10*sse.MaxIDBytes)
	var data struct {
		Reason      string `json:"reason"`
		LastEventID string `json:"last_event_id"`
	}
	_, text, _ := strings.Cut(block, "data: ")
	require.NoError(t, json.Unmarshal([]byte(text), &data))
	assert.Equal(t, "invalid", data.Reason)
	assert.True(t, strings.HasPrefix(data.LastEventID, "a\nevent: forged"))
}
