//go:build !amd64 || purego

package transcode

// hasCopyPlain says that strings are copied word by word only.
const hasCopyPlain = false

func copyPlain(_, _ []byte, _ uint64) int { return 0 }
