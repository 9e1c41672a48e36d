package frame

// Encoding is a content coding (RFC 9110, 8.4).
type Encoding uint8

// The codings that a stream can have.
const (
	Identity Encoding = iota
	Gzip              // one header, then independent deflate blocks that end on a byte (sync flush), without a trailer
	Zstd              // one frame for each piece
)

// String returns the coding as Content-Encoding names it, or "" for Identity.
func (e Encoding) String() string {
	switch e {
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	}
	return ""
}
