package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a configuration file, or, as a warning, one that is likely to surprise.
//
// Values that came from the environment or from a `*_file` key never appear in it: what it quotes is what stands in the
// configuration file.
type Problem struct {
	// File is the name of the file as it was given to [Load] or [Parse], or as an include pattern found it. It is empty
	// where the configuration came from no file, as with [ForUpstream].
	File string
	// Line and Column start at 1; columns count characters, not bytes. Both are 0 where File is empty.
	Line, Column int
	// Path says which value is meant, for example "routes[1].request.set.venue". It is empty for the file as a whole.
	Path string
	// Message says what was expected, what was found and what to do.
	Message string
	// Hint is a guess at what was meant, for example "did you mean `WatchQuotes`?", or empty.
	Hint string
	// Warning is true for what does not stop the bridge.
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

// compare orders problems by position; what stands at one position stays in the order of its path and message.
func (p *Problem) compare(q *Problem) int {
	return cmp.Or(
		cmp.Compare(p.File, q.File),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(p.Column, q.Column),
		cmp.Compare(p.Path, q.Path),
		cmp.Compare(p.Message, q.Message),
	)
}

// Problems is all that is wrong with a configuration. As an error it is what [Load] and [Parse] return; it then holds
// the warnings as well, so that they can be shown together.
type Problems []*Problem

// Error returns every problem on a line of its own.
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

// Sort orders the problems by file, line and column. Those of [Load] and [Parse] are sorted; it is for a caller who adds
// problems of its own, made by [Route.Problem] or [Upstream.Problem].
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, (*Problem).compare)
}

// split separates what stops the bridge from what does not.
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

// collector gathers problems. Settings of `defaults` are looked at once for each route, so a problem of theirs comes up
// again and again; it is kept once.
type collector struct {
	problems Problems
	seen     map[seenProblem]bool
	// reports counts every error, repeated or not.
	reports int
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
