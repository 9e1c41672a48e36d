//go:build !unix

package processors

// This returns false, since the system does not say how much CPU time a process has used.
func This() (p Process, ok bool) { return Process{}, false }
