//go:build !purego

package transcode

// hasCopyPlain says that copyPlain is worth calling.
const hasCopyPlain = true

// copyPlain copies bytes from src to dst in blocks of sixteen. It stops at a byte that cannot be in a JSON string, at a byte
// whose high bit is in stops, or at a last block of fewer bytes. It returns how many bytes are good. Up to fifteen more bytes
// behind them may have been written. dst must be as long as src.
//
//go:noescape
func copyPlain(dst, src []byte, stops uint64) int
