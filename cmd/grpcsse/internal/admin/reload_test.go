package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestRoutesTellHowTheLastReloadWent(t *testing.T) {
	at := time.Date(2026, 11, 27, 16, 0, 0, 0, time.FixedZone("east", 3600))
	broken := config.Problems{
		{File: "a.yaml", Line: 1, Column: 2, Path: "routes", Message: "wrong", Hint: "right"}, {Message: "strange", Warning: true},
	}
	var many config.Problems
	for i := range 250 {
		many = append(many, &config.Problem{Message: fmt.Sprint("problem ", i)})
	}
	for name, tt := range map[string]struct {
		state Reloads
		want  string // the parts of the page about reloads
	}{
		"none":     {Reloads{}, `{}`},
		"accepted": {Reloads{Last: &Reload{At: at}}, `{"reload": {"at": "2026-11-27T15:00:00Z", "accepted": true}}`},
		"accepted, and a restart is needed": {
			Reloads{&Reload{At: at}, []string{"server.listen"}},
			`{"reload": {"at": "2026-11-27T15:00:00Z", "accepted": true}, "need_restart": ["server.listen"]}`,
		},
		"refused": {Reloads{&Reload{at, broken}, []string{"server.tls"}}, `{"reload": {"at": "2026-11-27T15:00:00Z", "accepted": false,
			"error": "the configuration stays as it was: the new one has problems",
			"problems": [{"text": "a.yaml:1:2: routes: wrong", "hint": "right"}, {"text": "warning: strange", "warning": true}]},
			"need_restart": ["server.tls"]}`},
		"unreadable": {Reloads{Last: &Reload{at, errors.New("no file")}}, `{"reload": {"at": "2026-11-27T15:00:00Z", "accepted": false,
			"error": "the configuration stays as it was: no file"}}`},
	} {
		r := newRig(t, "127.0.0.1:9091", "")
		r.state = tt.state
		answer := r.ask(http.MethodGet, "/routes")
		require.Equal(t, http.StatusOK, answer.Code, name)
		var page map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &page))
		for _, other := range []string{"routes", "upstreams", "problems"} {
			require.Contains(t, page, other, name)
			delete(page, other)
		}
		got, err := json.Marshal(page)
		require.NoError(t, err)
		assert.JSONEq(t, tt.want, string(got), name)
	}
	r := newRig(t, "127.0.0.1:9091", "")
	r.state = Reloads{Last: &Reload{at, many}}
	var page struct {
		Reload struct {
			Error    string
			Problems []json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(r.ask(http.MethodGet, "/routes").Body.Bytes(), &page))
	assert.Len(t, page.Reload.Problems, 100, "the page has a bound")
	assert.Contains(t, page.Reload.Error, "of which 100 of 250 are shown here")
}

func TestAReloadSaysWhatNeedsARestart(t *testing.T) {
	r := newRig(t, "127.0.0.1:9091", "")
	r.state.NeedRestart = []string{"server.listen"}
	answer := r.ask(http.MethodPost, "/-/reload", func(q *http.Request) { q.Header.Set(Header, "1") })
	require.Equal(t, http.StatusOK, answer.Code)
	assert.JSONEq(t, `{"reloaded": true, "need_restart": ["server.listen"]}`, answer.Body.String())
}
