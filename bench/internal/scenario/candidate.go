package scenario

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/grpcsse/grpcsse/bench/internal/certificate"
	"github.com/grpcsse/grpcsse/bench/internal/process"
	"github.com/grpcsse/grpcsse/bench/internal/role"
)

// file is the bridge's configuration: a route on which each browser has its own stream, or one that is shared.
const file = `
server: {listen: "127.0.0.1:0"}
upstreams: {bench: {target: "UPSTREAM"}}
routes:
  - path: /watch/{topic}
    rpc: test.stream.v1.StreamService/Watch
    event: {id: sequence}
`

// announcement is what the bridge logs when it is ready.
var announcement = regexp.MustCompile(`msg=listening address=(\S+)`)

// startCandidate starts the program of a contender, with which it has a directory of its own.
func (r *Runner) startCandidate(
	ctx context.Context, s Scenario, c Contender, upstream, directory string,
) (*process.Process, error) {
	program := c.Program()
	if program != Grpcsse {
		played := role.Role{Name: program, Upstream: upstream, Text: s.Text, Flow: s.Flow}
		if c.secure() {
			played.Certificate = directory
		}
		return process.StartRole(ctx, played)
	}
	path := filepath.Join(directory, "grpcsse.yaml")
	if err := os.WriteFile(path, []byte(configuration(s, c, upstream)), 0o600); err != nil {
		return nil, err
	}
	return process.StartProgram(ctx, program, announcement, r.Grpcsse, "serve", "--strict", "--config", path)
}

// admin is the address of the bridge's listener for administrators, where it is asked to collect its garbage.
const admin = "127.0.0.1:19091"

// collect has the bridge collect its garbage.
func collect(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/debug/pprof/heap?gc=1", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a collection: the answer is %s", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// configuration is the bridge's file for a contender of a scenario.
func configuration(s Scenario, c Contender, upstream string) string {
	text := strings.ReplaceAll(file, "UPSTREAM", upstream)
	server := `server: {listen: "127.0.0.1:0"`
	if c.secure() {
		text = strings.Replace(text, server, server+", tls: {cert_file: "+certificate.Certificate+", key_file: "+certificate.Key+"}", 1)
	}
	if c.WritesAlone {
		text = strings.Replace(text, server, server+", io_uring: off", 1)
	}
	if s.Collect > 0 {
		text = strings.Replace(text, server, server+", admin: {listen: \""+admin+"\"}", 1)
	}
	if !s.Shared && !c.Lonely {
		return text
	}
	// Where events flow, a newcomer waits for the next one; where there is only one, it gets that.
	join := "none"
	if s.Kind == Idle {
		join = "latest"
	}
	if c.Pace != "" {
		join += ", pace: " + c.Pace
	}
	return text + fmt.Sprintf("    share: {late_join: %s}\n", join)
}
