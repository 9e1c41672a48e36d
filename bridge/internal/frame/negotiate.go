package frame

import "strings"

// Negotiate returns the coding for a client that sent these values of Accept-Encoding (RFC 9110, 12.5.3).
//
// Negotiate is strict, because a client that did not offer a coding may deliver garbage without an error. It uses only a coding
// that is named with a quality above 0, and never one that "*" stands for. Where one of the values is malformed, it uses none.
// A coding that is named more than once has its lowest quality. The coding with the highest quality is used. Among equals, gzip
// goes before zstd, because it is smaller for small events, and far smaller where an event may refer to the one before. Both go
// before identity.
//
// A gzip stream of this package has no trailer. Browsers do without one; other clients report such a stream as truncated. So
// gzip is for two kinds of clients. One kind accepts another real coding beside gzip, and does not accept identity or "*" by
// name: browsers do so. The other kind refuses identity. Go's HTTP client offers gzip alone, and Ruby's offers
// "gzip;q=1.0,deflate;q=0.6,identity;q=0.3".
//
// A client that refuses identity and every coding of this package still gets identity. It may be able to read the stream, while
// an EventSource never recovers from a 406.
func Negotiate(acceptEncoding []string) Encoding {
	var (
		named  qualities
		others bool // whether a real coding other than gzip is accepted
		star   bool // whether "*" is accepted
	)
	for _, value := range acceptEncoding {
		for element := range strings.SplitSeq(value, ",") {
			other, ok := named.add(strings.Trim(element, " \t"))
			if !ok {
				return Identity
			}
			others = others || other && !isAny(element)
			star = star || other && isAny(element)
		}
	}
	plain := named[Identity] > 1 || star && named[Identity] == 0
	gzip := named[Identity] == 1 || (others || named[Zstd] > 1) && !plain
	best, quality := Identity, named[Identity]
	for _, e := range [...]Encoding{Zstd, Gzip} {
		if q := named[e]; q > 1 && q >= quality && (e != Gzip || gzip) {
			best, quality = e, q
		}
	}
	return best
}

// qualities holds the qualities of the codings that a client has named, in thousandths and plus 1. 0 is a coding that was not
// named.
type qualities [Zstd + 1]int

// add adds an element of the list, without white space around it. other says that the element accepts "*" or a coding that this
// package does not make. ok is false where the element is malformed:
//
//	element = [ token [ OWS ";" OWS "q=" qvalue ] ]
func (q *qualities) add(element string) (other, ok bool) {
	if element == "" {
		return false, true // a list may have empty elements (RFC 9110, 5.6.1.2)
	}
	coding, weight, weighted := strings.Cut(element, ";")
	coding = strings.TrimRight(coding, " \t")
	if !isToken(coding) {
		return false, false
	}
	quality := 1000
	if weighted {
		if quality, ok = parseWeight(strings.TrimLeft(weight, " \t")); !ok {
			return false, false
		}
	}
	e, known := parseCoding(coding)
	if known && (q[e] == 0 || quality+1 < q[e]) {
		q[e] = quality + 1
	}
	return !known && quality > 0, true
}

// isAny reports whether an element of the list is "*", which stands for every coding that is not named.
func isAny(element string) bool {
	coding, _, _ := strings.Cut(element, ";")
	return strings.Trim(coding, " \t") == "*"
}

// parseCoding returns the coding with a name. Upper and lower case are the same.
func parseCoding(name string) (e Encoding, known bool) {
	switch {
	case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"): // two names of one coding (RFC 9110, 8.4.1.3)
		return Gzip, true
	case strings.EqualFold(name, "zstd"):
		return Zstd, true
	case strings.EqualFold(name, "identity"):
		return Identity, true
	}
	return Identity, false
}

// parseWeight returns the thousandths in a weight (RFC 9110, 12.4.2):
//
//	weight = "q=" ( "0" [ "." *3DIGIT ] / "1" [ "." *3"0" ] )
func parseWeight(text string) (thousandths int, ok bool) {
	if len(text) < 3 || text[0]|0x20 != 'q' || text[1] != '=' {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(text[2:], ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	thousandths = int(whole[0] - '0')
	for i := range 3 {
		digit := byte('0')
		if i < len(fraction) {
			digit = fraction[i]
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		thousandths = 10*thousandths + int(digit-'0')
	}
	return thousandths, thousandths <= 1000
}

// isToken reports whether text is a token (RFC 9110, 5.6.2).
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}
