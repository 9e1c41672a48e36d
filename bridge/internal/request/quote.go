package request

import "strconv"

// maxShown is how much of what a client sent a message or a log line repeats, in bytes.
const maxShown = 100

// Quote returns what a client sent as a message repeats it: shortened, and quoted in ASCII.
func Quote(text string) string { return strconv.QuoteToASCII(Shorten(text)) }

// Shorten returns what a client sent as a log line repeats it: shortened. The log quotes it itself.
func Shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return text[:maxShown] + "…"
}
