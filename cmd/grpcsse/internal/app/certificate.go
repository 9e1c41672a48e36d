package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// lookAgain is how often the files of a certificate are looked at, at most.
const lookAgain = time.Second

// certificate is the server's certificate, read again when its files have changed. A new pair that cannot be read leaves
// the old one in use, and says so in the log. It may be used concurrently.
type certificate struct {
	files *config.ServerTLS
	log   *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate // guarded by mu
	state  [2]fileState     // guarded by mu; of the files when pair was read, or could not be
	looked time.Time        // guarded by mu; when the files were looked at
}

// fileState tells one version of a file from another.
type fileState struct {
	modified time.Time
	size     int64
}

func loadCertificate(files *config.ServerTLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log, looked: time.Now()}
	c.state = c.look()
	pair, err := c.read()
	if err != nil {
		return nil, err
	}
	c.pair = pair
	return c, nil
}

// get is a tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.pair, nil
	}
	c.looked = time.Now()
	state := c.look()
	if state == c.state {
		return c.pair, nil
	}
	c.state = state
	pair, err := c.read()
	if err != nil {
		c.log.Error("the old certificate stays in use", "error", err)
		return c.pair, nil
	}
	c.log.Info("certificate renewed", "file", c.files.CertFile)
	c.pair = pair
	return pair, nil
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("server.tls: %w", err)
	}
	return &pair, nil
}

// look returns the state of both files. One that is not there has the zero state.
func (c *certificate) look() (state [2]fileState) {
	for i, name := range []string{c.files.CertFile, c.files.KeyFile} {
		if info, err := os.Stat(name); err == nil {
			state[i] = fileState{modified: info.ModTime(), size: info.Size()}
		}
	}
	return state
}
