package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"grpcsse": main})
}

// TestScripts runs the program as people do. $UPSTREAM is a gRPC server with reflection, $BROKEN one that cannot describe
// one of its services, $BARE one without reflection, $FOREIGN and $FOREIGN_TLS are URLs of a server that is not ours,
// $FOREIGN_CA the file of its authority, $CLOSED an address where no server listens, $FREE one that was free a moment ago, and
// $SCHEMA the file of the JSON Schema.
func TestScripts(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GRPCSSE_REQUIRE_SHELLS") == "1" { // elsewhere the scripts try the completion of the shells that are there
		for _, shell := range []string{"bash", "zsh", "fish"} {
			if _, err := exec.LookPath(shell); err != nil {
				t.Fatalf("GRPCSSE_REQUIRE_SHELLS is 1: %v", err)
			}
		}
	}
	schema, err := filepath.Abs("../../bridge/config/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- demo.NewServer(slog.New(slog.DiscardHandler), 1).Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	broken, bare := startHalfDescribed(t), startBare(t)
	foreign := startForeign(t)
	// The group makes the servers outlive the scripts, which run in parallel.
	t.Run("group", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/script",
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup: func(env *testscript.Env) error {
				env.Setenv("UPSTREAM", listener.Addr().String())
				env.Setenv("BROKEN", broken)
				env.Setenv("BARE", bare)
				env.Setenv("SCHEMA", schema)
				env.Setenv("FOREIGN", foreign.plain)
				env.Setenv("FOREIGN_TLS", foreign.encrypted)
				env.Setenv("FOREIGN_CA", foreign.authority)
				for _, name := range []string{"CLOSED", "FREE"} {
					address, err := unused(t.Context())
					if err != nil {
						return err
					}
					env.Setenv(name, address)
				}
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"answers": answers, "asks": asks, "expand": expand, "hold": hold,
			},
		})
	})
}

// unused returns an address on which no program listens, and that it has not returned before. Its port is below those that
// kernels give to connections and to listeners that leave the choice to them. So no other socket takes the port before the
// program that a test starts.
func unused(ctx context.Context) (string, error) {
	const first, last = 10000, 19999 // the tests of deploy/ use those from 20000 on
	for range 100 {
		port := first + rand.IntN(last-first+1)
		if _, taken := returned.LoadOrStore(port, true); taken {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return listener.Addr().String(), listener.Close()
		}
	}
	return "", errors.New("no free port in a hundred tries")
}

// returned has the ports that unused has returned.
var returned sync.Map

// answers is the script command `answers URL STATUS`: it waits until a server answers at URL with STATUS.
func answers(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: answers URL STATUS")
	}
	last := "nothing"
	// It sleeps: the server is another process, and only the answer to a request tells that it is there.
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(args[0])
		if err != nil {
			last = err.Error()
			continue
		}
		_ = response.Body.Close()
		if last = response.Status; last[:3] == args[1] {
			return
		}
	}
	ts.Fatalf("expected %s from %s, found %s", args[1], args[0], last)
}

// asks is the script command `asks STATUS URL HEADER VALUE`: a request with this header is answered with STATUS.
func asks(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 4 {
		ts.Fatalf("usage: asks STATUS URL HEADER VALUE")
	}
	request, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	if request.Header.Set(args[2], args[3]); args[2] == "Host" {
		request.Host = args[3]
	}
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	_ = response.Body.Close()
	if response.Status[:3] != args[0] {
		ts.Fatalf("expected %s from %s with %s: %s, found %s", args[0], args[1], args[2], args[3], response.Status)
	}
}

// expand is the script command `expand FILE…`: it replaces $VARIABLES in files.
func expand(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) == 0 {
		ts.Fatalf("usage: expand FILE…")
	}
	for _, name := range args {
		content := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(content), 0o600))
	}
}

// hold is the script command `hold URL`: it opens a stream, and holds it until the script ends.
func hold(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: hold URL")
	}
	response, err := http.Get(args[0])
	ts.Check(err)
	ts.Defer(func() { _ = response.Body.Close() })
}
