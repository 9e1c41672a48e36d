package cluster

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// A beat and a page have ways of their own, so that the older one may come later. It must not hide what the replica lacks.
func TestTheEndOfTheOwnerDoesNotGoBack(t *testing.T) {
	had := wire.End{Term: 7, Epoch: "e", Next: 100, Version: 3}
	for name, tt := range map[string]struct {
		end   wire.End
		newer bool
	}{
		"further":                      {wire.End{Term: 7, Epoch: "e", Next: 101, Version: 3}, true},
		"not so far":                   {wire.End{Term: 7, Epoch: "e", Next: 99, Version: 3}, false},
		"a later condition":            {wire.End{Term: 7, Epoch: "e", Next: 100, Version: 4}, true},
		"an earlier condition":         {wire.End{Term: 7, Epoch: "e", Next: 101, Version: 2}, false},
		"the beginning of an epoch":    {wire.End{Term: 7, Epoch: "f", Next: 1, Version: 4}, true},
		"the beginning of a next term": {wire.End{Term: 8, Epoch: "f", Next: 1, Version: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := fill{end: had}
			f.learn(tt.end)
			assert.Equal(t, tt.newer, f.end == tt.end)
		})
	}
}
