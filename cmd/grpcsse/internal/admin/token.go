package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
)

const (
	// lookAgain is the least time between two looks at the file of the token.
	lookAgain = time.Second
	// maxTokenBytes bounds that file.
	maxTokenBytes = 64 << 10
)

// token is the token that requests must present. Its file is read again when a request comes. Where the file cannot be read any
// more, the old token stays in use, and the log says so once. It may be used concurrently.
type token struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	sum    [sha256.Size]byte // guarded by mu, as all below; the token itself is not kept
	looked time.Time
	lost   bool // the file could not be read at the last look
}

func loadToken(path string, log *slog.Logger) (*token, error) {
	t := &token{path: path, log: log, looked: time.Now()}
	sum, err := t.read()
	if err != nil {
		return nil, fmt.Errorf("server.admin.token_file: %w", err)
	}
	t.sum = sum
	return t, nil
}

// is reports whether text is the token. The time that it takes does not depend on how much of the token is right.
func (t *token) is(text string) bool {
	want, given := t.current(), sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(want[:], given[:]) == 1
}

// current returns the digest of the token.
func (t *token) current() [sha256.Size]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.looked) < lookAgain {
		return t.sum
	}
	t.looked = time.Now()
	sum, err := t.read()
	switch {
	case err != nil && !t.lost:
		t.log.Error("the old admin token stays in use", "error", err)
	case err == nil && sum != t.sum:
		t.log.Info("the admin token was renewed", "file", t.path)
		t.sum = sum
	}
	t.lost = err != nil
	return t.sum
}

// read returns the digest of the token in the file. No error has any of the token.
func (t *token) read() (sum [sha256.Size]byte, err error) {
	data, err := config.ReadFile(t.path, maxTokenBytes)
	text := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return sum, err
	case text == "":
		return sum, errors.New("expected a token in " + t.path + ", found an empty file")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return sum, errors.New("expected a token of printable ASCII without blanks in " + t.path + ", found something else")
	}
	return sha256.Sum256([]byte(text)), nil
}
