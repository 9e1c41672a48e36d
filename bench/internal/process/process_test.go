package process_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/process"
	"github.com/grpcsse/grpcsse/bench/internal/role"
)

func TestMain(m *testing.M) {
	role.Play()
	os.Exit(m.Run())
}

func TestStartRole(t *testing.T) {
	p, err := process.StartRole(t.Context(), role.Role{Name: role.Crowd, Server: "127.0.0.1:1"})
	require.NoError(t, err)
	var opened load.Opened
	require.NoError(t, p.Ask(role.AskOpen, load.Order{Browsers: 1, Path: "/"}, &opened))
	assert.Equal(t, 1, opened.Failed)
	require.EqualError(t, p.Ask("sing", nil, nil), `crowd: sing: "sing" was not expected`)
	require.NoError(t, p.End())
	require.Error(t, p.Ask(role.AskTally, nil, nil))
	require.NoError(t, p.End())
	assert.NoDirExists(t, fmt.Sprintf("/proc/%d", p.PID))
}

func TestStartRoleThatFails(t *testing.T) {
	_, err := process.StartRole(t.Context(), role.Role{Name: "conductor"})
	require.EqualError(t, err, `conductor: the process has ended: there is no role "conductor"`)
}

func TestStartProgram(t *testing.T) {
	announcement := regexp.MustCompile(`at (\S+)\n`)
	p, err := process.StartProgram(t.Context(), "sh", announcement, "sh", "-c", "echo I am; echo at home >&2; exec sleep 60")
	require.NoError(t, err)
	assert.Equal(t, "home", p.Address)
	require.EqualError(t, p.Ask("sing", nil, nil), "sh cannot be asked")
	require.NoError(t, p.End())

	_, err = process.StartProgram(t.Context(), "sh", announcement, "sh", "-c", "echo not today >&2; exit 3")
	require.EqualError(t, err, "sh: exit status 3: not today")
	_, err = process.StartProgram(t.Context(), "sh", announcement, "/nowhere")
	require.Error(t, err)
}
