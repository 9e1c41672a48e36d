package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
)

// routes is `grpcsse routes`: a table of what is served, on standard output.
type routes struct {
	source

	JSON    bool          `name:"json" help:"Write JSON instead of a table, with the types of the fields and all problems."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the schemas of the gRPC servers."`
}

// Run implements the command.
func (r *routes) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := r.load(t)
	if err != nil {
		return err
	}
	b, err := bridge.New(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	late := waitReady(ctx, b, r.Timeout) // the known routes are listed all the same
	infos, problems := b.Routes(), b.Problems()
	if err := r.write(t, infos, problems); err != nil {
		return err
	}
	problems.Render(t.stderr)
	if late == nil && len(infos) == 0 && len(problems) > 0 {
		return errors.New("nothing is served")
	}
	return late
}

// write writes the routes to standard output.
func (r *routes) write(t *terminal, infos []bridge.RouteInfo, problems config.Problems) error {
	rows := make([]routeRow, len(infos))
	for i, info := range infos {
		rows[i] = newRouteRow(info)
	}
	switch {
	case r.JSON:
		return writeJSON(t.stdout, listing{Routes: rows, Problems: newProblemRows(problems)})
	case len(rows) > 0:
		return table(t.stdout, rows)
	}
	return nil
}

// writeJSON writes a document with indentation. What a terminal would act on stands in it as \u and four digits.
func writeJSON(w io.Writer, document any) error {
	line, err := printable.JSON(document)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, line, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err = text.WriteTo(w)
	return err
}

// table writes one line for each route.
func table(w io.Writer, rows []routeRow) error {
	// Flush returns the errors of these writes.
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(lines, "METHOD\tPATH\tRPC\tUPSTREAM\tSOURCE\tFIELDS\tSHARING\tSTATE")
	for _, row := range rows {
		cells := []string{
			strings.Join(row.Methods, ","), row.Path, row.RPC, cmp.Or(row.Upstream, "?"), row.Source, row.Request.summary(),
			row.Share.summary(), row.State,
		}
		for i := range cells {
			cells[i] = strings.Map(visible, cells[i])
		}
		_, _ = fmt.Fprintln(lines, strings.Join(cells, "\t"))
	}
	return lines.Flush()
}

// visible is for [strings.Map]: it replaces characters that could control a terminal. The names of fields come from a server.
func visible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// shownFields is how many names of a kind the table lists.
const shownFields = 4

// summary names the fields of the request message that are bound, and by what: "path: symbol  query: recent".
func (r *requestRow) summary() string {
	if r == nil {
		return "-"
	}
	var parts []string
	list := func(kind string, names []string) {
		if more := len(names) - shownFields; more > 0 {
			names = append(names[:shownFields:shownFields], fmt.Sprintf("+%d", more))
		}
		if len(names) > 0 {
			parts = append(parts, kind+"="+strings.Join(names, ","))
		}
	}
	list("path", namesOf(r.Path))
	list("query", namesOf(r.Query))
	if r.Body != "" {
		list("body", []string{r.Body})
	}
	var set []string
	for _, s := range r.Set {
		set = append(set, s.Field)
	}
	list("set", set)
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " ")
}

func namesOf(fields []boundRow) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// summary says what late joiners of a shared stream get, and its pace: "latest_by:symbol pace=100ms newest_by=symbol".
func (s *shareRow) summary() string {
	if s == nil {
		return "private"
	}
	text := s.LateJoin
	if s.Field != "" {
		text += ":" + s.Field
	}
	if s.Pace != "" {
		text += " pace=" + s.Pace
	}
	if s.NewestBy != "" {
		text += " newest_by=" + s.NewestBy
	}
	return text
}
