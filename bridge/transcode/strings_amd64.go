//go:build !purego

package transcode

// hasCopyPlain: copyPlain is worth calling.
const hasCopyPlain = true

// copyPlain copies bytes from src to dst in blocks of sixteen, up to a byte that cannot stand in a JSON string, one whose high bit
// is in stops, or a last block of fewer bytes. It returns how many bytes may stay; behind these, up to fifteen more may have been
// written. dst must be as long as src.
//
//go:noescape
func copyPlain(dst, src []byte, stops uint64) int
