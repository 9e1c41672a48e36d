package app

import (
	"errors"
	"fmt"
	"io"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// programName is the name of the program in messages.
const programName = "grpcsse"

// Exit codes.
const (
	codeOK      = 0
	codeRuntime = 1
	codeUsage   = 2
	codeConfig  = 3
)

// usageError is a mistake on the command line. hint says what to try.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hintedError is an error with advice.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }
func (e *hintedError) Hint() string  { return e.hint }

// hinter is an error with advice, of any package.
type hinter interface {
	error
	Hint() string
}

// errUnfit says that a configuration is wrong and that its problems were shown already.
var errUnfit = errors.New("the configuration has problems")

// complain writes the message for err, and returns the exit code. An error of the write is ignored: the exit code is enough.
func complain(w io.Writer, err error) int {
	var problems config.Problems
	var wrongUsage *usageError
	var hinted hinter
	switch {
	case err == nil:
		return codeOK
	case errors.Is(err, errUnfit):
		return codeConfig
	case errors.As(err, &problems):
		problems.Render(w)
		_, _ = fmt.Fprintf(w, "%s: error: %s\n", programName, tally(problems))
		return codeConfig
	case errors.As(err, &wrongUsage):
		complainWithHint(w, err, wrongUsage.hint)
		return codeUsage
	case errors.As(err, &hinted):
		complainWithHint(w, err, hinted.Hint())
	default:
		complainWithHint(w, err, "")
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return codeRuntime
}

// complainWithHint writes an error, and its hint on a line of its own if there is one.
func complainWithHint(w io.Writer, err error, hint string) {
	_, _ = fmt.Fprintf(w, "%s: error: %v\n", programName, err)
	if hint != "" {
		_, _ = fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// tally returns the number of problems in words: "2 errors and 1 warning in the configuration".
func tally(problems config.Problems) string {
	errs, warnings := 0, 0
	for _, p := range problems {
		if p.Warning {
			warnings++
		} else {
			errs++
		}
	}
	switch {
	case warnings == 0:
		return plural(errs, "error") + " in the configuration"
	case errs == 0:
		return plural(warnings, "warning") + " in the configuration"
	}
	return plural(errs, "error") + " and " + plural(warnings, "warning") + " in the configuration"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
