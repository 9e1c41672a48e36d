package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

var due = time.Unix(0, 1795000000123456789)

func TestTheFloorsFrameIsTheBridgesFrame(t *testing.T) {
	for _, text := range []int{0, 64, 1024} {
		shape := event.NewShape(text)
		wire := shape.AppendMessage(nil, 4711, due)
		require.LessOrEqual(t, len(wire), shape.Size())
		plan, err := transcode.New((&streamv1.Event{}).ProtoReflect().Descriptor(), transcode.Options{EmitDefaults: true})
		require.NoError(t, err)
		data, err := plan.AppendJSON(nil, wire)
		require.NoError(t, err)
		assert.Equal(t, "data: "+string(data)+"\nid: 4711\n\n", string(shape.AppendFrame(nil, 4711, due)))
	}
}

func TestReadFindsWhatWasSent(t *testing.T) {
	shape := event.NewShape(64)
	var e streamv1.Event
	require.NoError(t, proto.Unmarshal(shape.AppendMessage(nil, 7, due), &e))
	assert.Len(t, e.GetText(), 64)
	byHand, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(&e)
	require.NoError(t, err)
	wrapped, err := json.Marshal(map[string]json.RawMessage{"result": byHand})
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"floor": shape.AppendFrame(nil, 7, due), "protojson": byHand, "grpc-gateway": wrapped,
	} {
		number, at, ok := event.Read(data)
		assert.True(t, ok, name)
		assert.Equal(t, uint64(7), number, name)
		assert.Equal(t, due.UnixNano(), at, name)
	}
}

func TestReadRefusesWhatIsNoEvent(t *testing.T) {
	for _, data := range []string{"", "{}", `{"sequence":"7"}`, `{"sequence":"x","text":"1"}`, `{"text":"1","sequence":"7"}`} {
		_, _, ok := event.Read([]byte(data))
		assert.False(t, ok, data)
	}
}

func TestAppendChunk(t *testing.T) {
	assert.Equal(t, "1a\r\n"+strings.Repeat("x", 26)+"\r\n", string(event.AppendChunk(nil, []byte(strings.Repeat("x", 26)))))
}

func TestFlowKeepsTheTimeWhenAnEventWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, stop := time.Now(), errors.New("enough")
		var dues, sent []time.Duration
		err := event.Flow{Rate: 10}.Run(t.Context(), func(number uint64, due time.Time) error {
			dues, sent = append(dues, due.Sub(begin)), append(sent, time.Since(begin))
			if number == 2 {
				time.Sleep(250 * time.Millisecond) // whoever takes it is slow
			}
			if number == 5 {
				return stop
			}
			return nil
		})
		require.ErrorIs(t, err, stop)
		ms := func(all ...time.Duration) []time.Duration {
			for i := range all {
				all[i] *= time.Millisecond
			}
			return all
		}
		assert.Equal(t, ms(0, 100, 200, 300, 400), dues)
		assert.Equal(t, ms(0, 100, 350, 350, 400), sent)
	})
}

func TestFlowStaysOpenInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin, sent := time.Now(), 0
		err := event.Flow{Count: 3}.Run(ctx, func(uint64, time.Time) error { sent++; return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 3, sent)
		assert.Equal(t, time.Minute, time.Since(begin))
	})
}

// A tape goes on where a caller has left it, also in another process.
func TestATape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flow, stop := event.Flow{Rate: 10, Epoch: time.Now().UnixNano()}, errors.New("enough")
		time.Sleep(1050 * time.Millisecond)
		assert.EqualValues(t, 11, flow.Newest(time.Now()))
		assert.Zero(t, flow.Newest(time.Unix(0, flow.Epoch-1)))
		for _, c := range []struct {
			after uint64
			want  []uint64
		}{{0, []uint64{11, 12, 13}}, {4, []uint64{5, 6, 7}}, {14, []uint64{15, 16, 17}}} {
			var numbers []uint64
			err := flow.RunAfter(t.Context(), c.after, func(number uint64, _ time.Time) error {
				if numbers = append(numbers, number); len(numbers) == 3 {
					return stop
				}
				return nil
			})
			require.ErrorIs(t, err, stop)
			assert.Equal(t, c.want, numbers)
		}
	})
}
