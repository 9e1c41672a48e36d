package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration, or a warning of something that is allowed and likely to surprise.
//
// A problem quotes the configuration file only. It never shows a value of the environment or of a file that a `*_file` key
// names.
type Problem struct {
	// File is the name that was given to [Load] or [Parse], or the name of an included file. It is empty for a configuration that
	// came from no file, as with [ForUpstream].
	File string
	// Line and Column start at 1. Columns count characters, not bytes. Both are 0 where File is empty.
	Line, Column int
	// Path is the configuration path of the value, for example "routes[1].request.set.venue". It is empty for the file as a whole.
	Path string
	// Message says what was expected, what was found and what to do.
	Message string
	// Hint is advice or a guess, for example "did you mean `WatchQuotes`?", or empty.
	Hint string
	// Warning is true for a problem with which the bridge starts all the same.
	Warning bool

	// excerpt is the source line.
	excerpt string
}

// Error returns the problem on one line: "grpcsse.yaml:7:10: routes[1].rpc: expected …".
func (p *Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// LogHint returns the hint as an attribute named "hint". Where there is no hint, it returns the zero attribute, which handlers of
// [log/slog] leave out.
func (p *Problem) LogHint() slog.Attr {
	if p.Hint == "" {
		return slog.Attr{}
	}
	return slog.String("hint", p.Hint)
}

// compare orders problems by position, then by path and message.
func (p *Problem) compare(q *Problem) int {
	return cmp.Or(
		cmp.Compare(p.File, q.File),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(p.Column, q.Column),
		cmp.Compare(p.Path, q.Path),
		cmp.Compare(p.Message, q.Message),
	)
}

// Problems are all problems of a configuration. [Load] and [Parse] return them as an error, which has the warnings too, so that all
// can be shown together.
type Problems []*Problem

// Error returns all problems, one on a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems one by one, each a *[Problem].
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// Sort orders the problems by file, line and column. The problems of [Load] and [Parse] are sorted already. Sort is for callers
// that add problems, made by [Route.Problem] or [Upstream.Problem].
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, (*Problem).compare)
}

// split separates errors from warnings.
func (ps Problems) split() (errs, warnings Problems) {
	for _, p := range ps {
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			errs = append(errs, p)
		}
	}
	return errs, warnings
}

// collector gathers problems. The settings of `defaults` are checked once for each route, so their problems are reported several
// times. Each is kept once.
type collector struct {
	problems Problems
	seen     map[seenProblem]bool
	// reports counts all errors that were reported, repeated ones included.
	reports int
	// files is what is read, for [WithFiles]. It may be nil.
	files *Files
}

type seenProblem struct {
	file          string
	line, column  int
	path, message string
}

func (c *collector) add(p *Problem) {
	if !p.Warning {
		c.reports++
	}
	key := seenProblem{p.File, p.Line, p.Column, p.Path, p.Message}
	if c.seen[key] {
		return
	}
	if c.seen == nil {
		c.seen = make(map[seenProblem]bool)
	}
	c.seen[key] = true
	c.problems = append(c.problems, p)
}
