// Package systemd_test holds the units in this folder against the program, and against systemd's own tools.
package systemd_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

const (
	service = "grpcsse.service"
	socket  = "grpcsse.socket"
	// afterDrain is the least time between the end of a drain and a kill.
	afterDrain = 15 * time.Second
)

func TestMain(m *testing.M) { local.Main(m) }

// The values of the units fit the defaults of the configuration file.
func TestTheUnitsFitTheDefaults(t *testing.T) {
	defaults := config.ForUpstream("localhost:50051").Server
	u := load(t, service)
	stop, err := time.ParseDuration(u.one(t, "Service", "TimeoutStopSec"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, stop, defaults.DrainTimeout+afterDrain)
	assert.Equal(t, []string{"2", "3"}, strings.Fields(u.one(t, "Service", "RestartPreventExitStatus")))

	cfg, err := config.Load("../packages/grpcsse.yaml")
	require.NoError(t, err)
	assert.Equal(t, cfg.Server.Listen, load(t, socket).one(t, "Socket", "ListenStream"), "another address is an error")
}

// The unit's command serves with the unit's flags, ends with 0 at SIGTERM, and with 3 for a mistake in the file.
func TestTheUnitsCommandServes(t *testing.T) {
	command := strings.Fields(load(t, service).one(t, "Service", "ExecStart"))
	require.Equal(t, "/usr/bin/grpcsse", command[0])
	run := func(file string) *local.Process {
		args := append([]string(nil), command[1:]...)
		for i, arg := range args {
			if arg == "/etc/grpcsse/grpcsse.yaml" {
				args[i] = file
			}
		}
		require.Contains(t, args, file, "the command reads the file of the configuration directory")
		return local.Start(t, local.Program(), args...)
	}
	address := local.FreeAddress(t)
	good := run(bridgeFile(t, address))
	local.Await(t, "http://"+address+"/tape")
	good.End(syscall.SIGTERM)
	assert.Zero(t, good.ExitCode())
	assert.Equal(t, 3, run(local.File(t, "bad.yaml", "upstream: {}\n")).ExitCode())
}

// bridgeFile returns a configuration file of a bridge whose gRPC server is running.
func bridgeFile(t *testing.T, listen string) string {
	t.Helper()
	return local.File(t, "grpcsse.yaml", `
server: {listen: "`+listen+`", drain_timeout: 1s}
upstreams: {market: {target: "`+local.StartMarket(t).Address+`"}}
routes: [{path: /tape, rpc: demo.market.v1.MarketService/WatchTape}]
`)
}

// The unit's command for a reload makes the bridge read its file again, and the bridge goes on.
func TestTheUnitsReloadReloads(t *testing.T) {
	reload := strings.Fields(load(t, service).one(t, "Service", "ExecReload"))
	address := local.FreeAddress(t)
	file := bridgeFile(t, address)
	p := local.Start(t, local.Program(), "serve", "--config", file)
	local.Await(t, "http://"+address+"/tape")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "path: /tape", "path: /new", 1)), 0o600))
	for i, word := range reload {
		reload[i] = strings.ReplaceAll(word, "$MAINPID", strconv.Itoa(p.ID()))
	}
	out, err := exec.Command(reload[0], reload[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", reload, out)
	local.Await(t, "http://"+address+"/new")
	require.Eventually(t, func() bool { return strings.Contains(p.Output(), "asked_by=SIGHUP") }, local.Soon, 5*time.Millisecond)
	p.End(syscall.SIGTERM)
	assert.Zero(t, p.ExitCode(), "SIGHUP ends no bridge")
}

// systemd's own tools find no fault with the units.
func TestSystemdVerifiesTheUnits(t *testing.T) {
	analyze := local.Find(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	for _, name := range []string{service, socket} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		// systemd-analyze demands that the program exists.
		installed := strings.ReplaceAll(string(text), "/usr/bin/grpcsse", local.Program())
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(installed), 0o600))
	}
	out, err := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, service), filepath.Join(dir, socket)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) { // it warns of unknown keys, and succeeds
		assert.NotContains(t, line, "grpcsse", "systemd-analyze verify")
	}
	// The threshold is ten times systemd's measure, which goes from 0 (no exposure) to 10.
	out, err = exec.Command(analyze, "security", "--offline=yes", "--threshold=15", filepath.Join(dir, service)).CombinedOutput()
	assert.NoError(t, err, "%s", out)
}

// The bridge takes the socket that systemd passes for a socket unit. So a restart refuses no connection: systemd keeps the socket.
func TestTheBridgeTakesTheSocketOfSystemd(t *testing.T) {
	activate := local.Find(t, "systemd-socket-activate", "systemd")
	address := local.FreeAddress(t)
	file := bridgeFile(t, address)
	run := func() *local.Process {
		return local.Start(t, activate, "--listen="+address, local.Program(), "serve", "--config", file)
	}
	p := run()
	local.Await(t, "http://"+address+"/tape")
	answer, err := http.Head("http://" + address + "/tape")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.NotContains(t, p.Output(), "address already in use")
	p.End(syscall.SIGTERM)
	assert.Zero(t, p.ExitCode())
}

// The numbers of the service file are numbers that a kernel takes.
func TestTheLimitOfDescriptorsIsPossible(t *testing.T) {
	limit, err := strconv.Atoi(load(t, service).one(t, "Service", "LimitNOFILE"))
	require.NoError(t, err)
	assert.LessOrEqual(t, limit, 1<<20, "fs.nr_open is 1048576 unless it was raised, and a greater limit keeps the service down")
	assert.GreaterOrEqual(t, limit, 1<<19)
}
