package config

// AccessLog is the section `server.access_log`: which lines the access log has, and how they look.
type AccessLog struct {
	// Format is [AccessFormatText] by default. A program that brings its own logger, see bridge.WithAccessLog, decides about the
	// format by itself, and only [AccessFormatOff] has an effect there.
	Format AccessFormat
	// SampleOver bounds the lines: 100 lines a second by default. Above this rate, one line in a hundred is written. Ends of
	// streams and all other lines have the rate each. The zero Rate writes every line.
	SampleOver Rate
	// Values adds the path and the query of the request to each line. A cursor, and a parameter that may be a credential, is left
	// out.
	Values bool
}

// AccessFormat says how the lines of the access log look.
type AccessFormat string

// The values of `server.access_log.format`.
const (
	// AccessFormatText writes pairs of a name and a value (logfmt). It is the default.
	AccessFormatText AccessFormat = "text"
	// AccessFormatJSON writes one JSON object a line.
	AccessFormatJSON AccessFormat = "json"
	// AccessFormatOff writes nothing.
	AccessFormatOff AccessFormat = "off"
)

func accessFormats() []AccessFormat {
	return []AccessFormat{AccessFormatText, AccessFormatJSON, AccessFormatOff}
}

func defaultAccessLog() AccessLog {
	return AccessLog{Format: AccessFormatText, SampleOver: PerSecond(100)}
}

// accessLog is the field of the section. `off` stands for {format: off}.
func (d *decoder) accessLog(a *AccessLog) field {
	const name = "server.access_log"
	return d.section(name, "The access log: a line at the end of each stream, and for each request that gets none.", "{format: json}",
		func() []field { return d.accessLogKeys(a) }).
		or(wordForm(off)).reading(func(n *node) {
		if n.kind == mapping {
			d.fields(n, name, d.accessLogKeys(a))
			return
		}
		const what = "a mapping such as {format: json}, or `off`"
		switch {
		case !d.isScalar(n, what):
		case isWord(n, off):
			a.Format = AccessFormatOff
		default:
			d.expected(n, what, accessLogHint(n.text()))
		}
	})
}

// accessLogHint returns a hint for text that was written instead of a mapping, or "".
func accessLogHint(text string) string {
	switch AccessFormat(text) {
	case AccessFormatText, AccessFormatJSON:
		return "did you mean {format: " + text + "}?"
	}
	return wordHint(text, off)
}

func (d *decoder) accessLogKeys(a *AccessLog) []field {
	return []field{
		key("format", "How lines look: text is logfmt, json is one object a line.", &a.Format, wordOf(d, accessFormats())),
		key("sample_over", "Above this rate, one line in a hundred is written. off writes every line.", &a.SampleOver, d.rateOr(off)),
		key("values", "Whether lines have the path and the query of the request.", &a.Values, d.flag()),
	}
}
