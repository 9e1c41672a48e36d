package request

import "strconv"

// maxShown is how many bytes of a text that a client sent are repeated in a message or in a log line.
const maxShown = 100

// Quote returns a text that a client sent in the form in which messages repeat it: shortened, and quoted in ASCII.
func Quote(text string) string { return strconv.QuoteToASCII(Shorten(text)) }

// Shorten returns a text that a client sent in the form in which log lines repeat it. Loggers quote the text themselves.
func Shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return text[:maxShown] + "…"
}
