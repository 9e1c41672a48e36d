// Package secret reads credentials from files, and reads them again when the files change.
package secret

import (
	"errors"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
)

// MaxBytes is the greatest size of a file with a secret.
const MaxBytes = 64 << 10

// The errors of [Read] about the content of a file. None of them has any of it.
var (
	ErrTooLong     = errors.New("the file is longer than 64 KiB")
	ErrEmpty       = errors.New("the file has no value")
	ErrUnprintable = errors.New("the file has more than printable ASCII text on one line")
)

// Read returns the text in a file, without the space around it. The error is one of the errors above, or that of
// [localfile.Read].
func Read(path string) (string, error) {
	data, err := localfile.Read(path, MaxBytes)
	text := strings.TrimSpace(string(data))
	switch {
	case errors.Is(err, localfile.ErrTooLong):
		return "", ErrTooLong
	case err != nil:
		return "", err
	case text == "":
		return "", ErrEmpty
	case !IsPrintable(text):
		return "", ErrUnprintable
	}
	return text, nil
}

// IsPrintable reports whether a text is printable ASCII.
func IsPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
