package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// trial has a bridge share with other replicas by the command line, without the section `cluster` of a file.
type trial struct {
	NATS []string `name:"nats" placeholder:"URL" sep:"none" help:"For a trial: share with other replicas over NATS, such as nats://localhost:4222. The secret comes from GRPCSSE_CLUSTER_SECRET. Otherwise one is made, and shown with the command for the next replica. May be given several times, for servers of one NATS."`

	secret []byte
	made   bool // the secret is a new one
}

const (
	// trialName is the name of the cluster of a trial.
	trialName = "default"
	// secretVariable is the variable of the environment that has the secret of a trial.
	secretVariable = "GRPCSSE_CLUSTER_SECRET"
	// leastSecret is how long a secret is at least, in bytes.
	leastSecret = 32
)

// begin finds the secret of a trial, or makes one.
func (t *trial) begin() error {
	if len(t.NATS) == 0 {
		return nil
	}
	text, given := os.LookupEnv(secretVariable)
	if !given {
		made := make([]byte, leastSecret)
		_, _ = rand.Read(made) // it never fails
		t.secret, t.made = []byte(hex.EncodeToString(made)), true
		return nil
	}
	text = strings.TrimSpace(text) // as the text of a file with a secret
	if len(text) < leastSecret {
		return &usageError{
			err:  fmt.Errorf("%s: expected a secret of at least %d bytes, found %d", secretVariable, leastSecret, len(text)),
			hint: "make one with `openssl rand -hex 32`, or unset the variable: one is made then",
		}
	}
	t.secret = []byte(text)
	return nil
}

// apply adds a trial to a configuration. all says that the command line names one server in place of a file: its routes have no
// setting for sharing, and all of them are shared.
func (t *trial) apply(cfg *config.Config, all bool) error {
	if len(t.NATS) == 0 {
		return nil
	}
	if cfg.Server.Cluster != nil {
		return &usageError{
			err:  errors.New("--nats goes with a file that has no section `cluster`, which says where NATS is"),
			hint: "leave out --nats, or for a trial the section",
		}
	}
	c := config.NewCluster(trialName, t.NATS...)
	for _, p := range c.NATS.Validate() {
		return &usageError{err: errors.New("--nats: " + p.Message), hint: p.Hint}
	}
	cfg.Server.Cluster = c
	if all {
		cfg.Defaults.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest})
	}
	return nil
}

// say shows the command for the next replica, where the user cannot know it: the secret was made by this program. args is the
// command line of this replica, and listener its address. It does not go to the log, because a log may be kept.
func (t *trial) say(to *terminal, listener net.Addr) {
	if !t.made {
		return
	}
	words := []string{secretVariable + "=" + string(t.secret), ownCommand()}
	for _, arg := range withoutFlag(to.args, "--listen") {
		words = append(words, shellWord(arg))
	}
	words = append(words, "--listen", shellWord(nextAddress(listener)))
	to.say("the next replica on this machine, with the secret that this one has made:\n\n  %s\n", strings.Join(words, " "))
}

// withoutFlag returns a command line without a flag that takes a value.
func withoutFlag(args []string, flag string) (rest []string) {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == flag:
			i++
		case !strings.HasPrefix(args[i], flag+"="):
			rest = append(rest, args[i])
		}
	}
	return rest
}

// nextAddress returns an address with the next port.
func nextAddress(listener net.Addr) string {
	host, port, err := net.SplitHostPort(listener.String())
	n, _ := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65534 {
		return "127.0.0.1:0"
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1))
}
