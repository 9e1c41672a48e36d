package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// panel is one group of bars.
type panel struct {
	scenario string
	title    string
	figure   metric
	// logarithmic is for figures that lie so far apart that the smaller ones would not be seen; its bars begin at a tenth of
	// the smallest.
	logarithmic bool
}

// panels are what the plot shows, row by row.
func panels() []panel {
	return []panel{
		{scenario: "one-64", title: "One subscriber at full rate: CPU per event, µs", figure: cpuPerEvent},
		{scenario: "each-16", title: "16 streams at full rate: events/s", figure: eventsPerSecond},
		{scenario: "shared-5000", title: "5,000 browsers, one topic, 20 events/s: CPU per event, µs", figure: cpuPerEvent},
		{scenario: "shared-5000", title: "The same: how late an event is, p99, ms (log)", figure: p99, logarithmic: true},
		{scenario: "idle-shared", title: "15,000 idle browsers, one topic: RSS of each, KiB", figure: memoryPerBrowser},
		{scenario: "idle-private", title: "5,000 idle browsers, a stream each: RSS of each, KiB", figure: memoryPerBrowser},
	}
}

// The measures of the plot, in its own units.
const (
	panelWidth  = 440.0
	panelGap    = 40.0
	margin      = 16.0
	labelWidth  = 176.0 // of a contender's name
	valueWidth  = 64.0  // of a figure behind the longest bar
	barHeight   = 16.0
	barGap      = 8.0
	titleHeight = 28.0
)

// style keeps to what is legible on white and on black, and follows the page where it says what it is.
const style = `
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #59636e }
.title { font-weight: 600 }
.label { text-anchor: end }
.bar { fill: #a5adb6 }
.ours { fill: #2f81f7 }
text.ours { fill: #1f6feb; font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #a3adb8 }
.bar { fill: #5c6670 }
.ours { fill: #388bfd }
text.ours { fill: #58a6ff }
}
`

// Plot writes an SVG of those scenarios that there are. It needs nothing from elsewhere, so it can stand in a Markdown page.
func (r Results) Plot(w io.Writer) error {
	var shown []panel
	for _, p := range panels() {
		if _, ok := r.Scenario(p.scenario); ok {
			shown = append(shown, p)
		}
	}
	var body strings.Builder
	y := margin
	for row := range slices.Chunk(shown, 2) {
		height := 0.0
		for i, p := range row {
			s, _ := r.Scenario(p.scenario)
			height = max(height, r.panel(&body, p, s, margin+float64(i)*(panelWidth+panelGap), y))
		}
		y += height + margin
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img">
<title>What the bridge costs, against its peers</title>
<style>%s</style>
%s</svg>
`, 2*panelWidth+panelGap+2*margin, y, style, body.String())
	return err
}

// panel draws a panel with its corner at x and y, and returns its height.
func (r Results) panel(w io.Writer, p panel, s scenario.Scenario, x, y float64) float64 {
	fmt.Fprintf(w, "<text class=\"title\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", x, y+12, escape(p.title))
	lengths := r.lengths(p, s)
	at := y + titleHeight
	for i, c := range s.Contenders {
		name, value := "", "–"
		if v, ok := r.value(p.figure, s, c.Name); ok {
			value = number(v)
		}
		if c.Program() == scenario.Grpcsse {
			name = " ours"
		}
		middle := at + barHeight/2 + 4
		fmt.Fprintf(w, "<text class=\"label%s\" x=\"%.0f\" y=\"%.0f\">%s</text>", name, x+labelWidth-8, middle, escape(c.Name))
		fmt.Fprintf(w, "<rect class=\"bar%s\" x=\"%.0f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\" rx=\"2\"/>",
			name, x+labelWidth, at, lengths[i], barHeight)
		fmt.Fprintf(w, "<text x=\"%.1f\" y=\"%.0f\">%s</text>\n", x+labelWidth+lengths[i]+6, middle, value)
		at += barHeight + barGap
	}
	return at - y
}

// lengths returns how long the contenders' bars are.
func (r Results) lengths(p panel, s scenario.Scenario) []float64 {
	values := make([]float64, len(s.Contenders))
	smallest, largest := math.Inf(1), 0.0
	for i, c := range s.Contenders {
		if v, ok := r.value(p.figure, s, c.Name); ok && v > 0 {
			values[i], smallest, largest = v, min(smallest, v), max(largest, v)
		}
	}
	const room = panelWidth - labelWidth - valueWidth
	for i, v := range values {
		switch {
		case v == 0:
		case p.logarithmic:
			values[i] = room * math.Log(v/smallest*10) / math.Log(largest/smallest*10)
		default:
			values[i] = room * v / largest
		}
	}
	return values
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // to memory
	return out.String()
}
