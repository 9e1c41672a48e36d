package upstream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc/connectivity"
)

func TestTheStatesOfAConnection(t *testing.T) {
	const ready, lost, connecting, failed = connectivity.Ready, connectivity.Idle, connectivity.Connecting, connectivity.TransientFailure
	for name, tt := range map[string]struct {
		reported []connectivity.State // at the seconds 1, 2, …
		want     State
		since    int // the second
	}{
		"nothing yet":                         {nil, Connecting, 0},
		"the first attempt":                   {[]connectivity.State{connecting}, Connecting, 0},
		"the first attempt fails":             {[]connectivity.State{connecting, failed}, Down, 0},
		"an attempt after a failure":          {[]connectivity.State{connecting, failed, connecting}, Down, 0},
		"a rest after a failure":              {[]connectivity.State{connecting, failed, lost}, Down, 0},
		"connected":                           {[]connectivity.State{connecting, ready}, Up, 2},
		"connected after failures":            {[]connectivity.State{connecting, failed, connecting, failed, ready}, Up, 5},
		"lost, and no stream needs it":        {[]connectivity.State{ready, lost}, Idle, 2},
		"lost, and connecting":                {[]connectivity.State{ready, connecting}, Connecting, 2},
		"lost, and the attempts fail":         {[]connectivity.State{ready, connecting, failed, connecting, failed}, Down, 2},
		"lost for a while, and then it fails": {[]connectivity.State{ready, lost, connecting, failed}, Down, 3},
		"lost and back":                       {[]connectivity.State{ready, lost, connecting, ready}, Up, 4},
	} {
		start := time.Now()
		f := follower{since: start}
		for i, state := range tt.reported {
			f.note(state, start.Add(time.Duration(i+1)*time.Second))
		}
		assert.Equal(t, tt.want, f.state, name)
		assert.Equal(t, time.Duration(tt.since)*time.Second, f.since.Sub(start), name)
	}
}
