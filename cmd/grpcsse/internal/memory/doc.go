// Package memory decides how much memory the Go runtime uses in a program with many idle streams: no more than the container has, and
// none that is free once the program is quiet. Where the program asks for it, a small heap that grows is collected less often, so that
// browsers that come cost less.
package memory
