package cluster

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// Another program may send as many messages as it likes. The log has a line for each reason.
func TestEachKindOfMessageThatCannotBeReadIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	tally := cluster.NewTally()
	f := &faults{log: slog.New(slog.NewTextHandler(&log, nil)), told: map[error]struct{}{}}
	hooks := f.add(tally.Hooks())
	for i := range 100 {
		for _, kind := range append(kinds(), wire.ErrIncomplete) {
			hooks.Unread(fmt.Errorf("%w: message %d", kind, i))
		}
	}
	assert.Equal(t, len(kinds()), strings.Count(log.String(), "cannot be read"), log.String())
	assert.NotContains(t, log.String(), wire.ErrIncomplete.Error(), "it is asked for")
	assert.EqualValues(t, 100*len(kinds()), tally.Counts().Unread)
	hooks.Unsent(assert.AnError)
	hooks.Unsent(assert.AnError)
	assert.Equal(t, 1, strings.Count(log.String(), "cannot be written"))
}
