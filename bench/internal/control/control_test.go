package control_test

import (
	"encoding/json"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/control"
)

func TestQuestionsAndAnswers(t *testing.T) {
	questions, in := io.Pipe()
	out, answers := io.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() {
		assert.NoError(t, control.Serve(questions, answers, "hello", func(do string, with json.RawMessage) (any, error) {
			if do == "fail" {
				return nil, errors.New("no")
			}
			return do + string(with), nil
		}))
		_ = answers.Close()
	})
	var greeting, answer string
	line, err := control.NewLine(in, out, &greeting)
	require.NoError(t, err)
	assert.Equal(t, "hello", greeting)
	require.NoError(t, line.Ask("add", 1, &answer))
	assert.Equal(t, "add1", answer)
	require.EqualError(t, line.Ask("fail", nil, &answer), "fail: no")
	require.NoError(t, line.Ask("forget", nil, nil))

	require.NoError(t, in.Close())
	serving.Wait()
	_, err = control.NewLine(io.Discard, out, nil)
	require.EqualError(t, err, "the process has ended")
}
