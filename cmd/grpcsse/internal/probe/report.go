package probe

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
)

// Level says how bad a finding is.
type Level string

// Levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // worth knowing, or not judged
	Warning Level = "warning" // may go wrong
	Fault   Level = "fault"   // an EventSource does not get what it should
)

// Finding is the result of one check. Its texts are printable.
type Finding struct {
	Level   Level  `json:"level"`
	Check   string `json:"check"`
	Found   string `json:"found"`
	Meaning string `json:"meaning,omitempty"` // for an EventSource
}

// Report is what was found about one endpoint.
type Report struct {
	URL      string    `json:"url"`
	Verdict  string    `json:"verdict"` // right or wrong
	Faults   int       `json:"faults"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// add adds a finding, in which a text of the server may stand.
func (r *Report) add(level Level, check, meaning, format string, args ...any) {
	found := printable.Short(fmt.Sprintf(format, args...), 400)
	r.Findings = append(r.Findings, Finding{Level: level, Check: check, Found: found, Meaning: meaning})
	switch level {
	case Fault:
		r.Faults++
	case Warning:
		r.Warnings++
	}
}

// conclude sets the verdict.
func (r *Report) conclude() {
	r.Verdict = "right"
	if r.Faults > 0 {
		r.Verdict = "wrong"
	}
}

// JSON writes the report as one JSON object on a line.
func (r *Report) JSON(w io.Writer) error {
	text, err := printable.JSON(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	colours := map[Level]string{}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		colours = map[Level]string{OK: "\x1b[32m", Warning: "\x1b[33m", Fault: "\x1b[1;31m"}
	}
	for _, f := range r.Findings {
		word := fmt.Sprintf("%-8s", f.Level)
		if colour := colours[f.Level]; colour != "" {
			word = colour + word + "\x1b[0m"
		}
		if _, err := fmt.Fprintf(w, "%s %-12s %s\n", word, f.Check, f.Found); err != nil {
			return err
		}
		if f.Meaning != "" {
			if _, err := fmt.Fprintf(w, "%22s%s\n", "", f.Meaning); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\nverdict: %s, %s, %s\n", r.Verdict, plural(r.Faults, "fault"), plural(r.Warnings, "warning"))
	return err
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
