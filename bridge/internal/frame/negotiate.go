package frame

import "strings"

// Negotiate returns the coding for a client that sent these values of Accept-Encoding (RFC 9110, 12.5.3).
//
// It is strict, because a client that did not offer a coding may deliver garbage without an error: only a coding that is named
// with a quality above 0 is used, never one that "*" stands for, and none where any of the values is malformed. A coding that
// is named more than once has its lowest quality. Of several, that with the highest quality is used; among equals gzip goes
// before zstd (it is smaller for small events, and far smaller where it may refer to the one before), and both before identity.
//
// A gzip stream here has no trailer. Browsers do without one; other clients report such a stream as truncated. So gzip is for
// clients that accept another real coding beside it and do not name identity or "*" as acceptable too, as browsers do, and for those
// that refuse identity. Go's HTTP client offers gzip alone, and Ruby's offers "gzip;q=1.0,deflate;q=0.6,identity;q=0.3".
//
// A client that refuses identity and all that there is gets identity nevertheless: a stream that it may be able to read is of
// more use than a 406, which an EventSource never recovers from.
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

// qualities are those of the codings that a client has named, in thousandths and plus 1; 0 for one that was not named.
type qualities [Zstd + 1]int

// add takes an element of the list, without white space around it. other says that it is "*" or a coding which is not made
// here, and is accepted. It reports false where the element is malformed:
//
//	element = [ token [ OWS ";" OWS "q=" qvalue ] ]
func (q *qualities) add(element string) (other, ok bool) {
	if element == "" {
		return false, true // which a list may have (RFC 9110, 5.6.1.2)
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

// parseCoding returns the coding with a name, whose case does not matter.
func parseCoding(name string) (e Encoding, known bool) {
	switch {
	case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"): // one and the same (RFC 9110, 8.4.1.3)
		return Gzip, true
	case strings.EqualFold(name, "zstd"):
		return Zstd, true
	case strings.EqualFold(name, "identity"):
		return Identity, true
	}
	return Identity, false
}

// parseWeight returns the thousandths of a weight (RFC 9110, 12.4.2):
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
