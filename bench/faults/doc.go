// Package faults has the tests in which something breaks around `grpcsse serve`, with a ledger: each event reaches each browser
// once on all of its connections together, and there is a gap only where the browser was told of one. The program, the upstream
// and the crowd are processes of their own.
//
//	kills_test.go    the upstream is killed, again and again
//	network_test.go  connections are slow, reset, closed, silent or half open, at both sides
//	tokens_test.go   the tokens of all streams expire
//	drain_test.go    a bridge is stopped, and another one takes over
//	stall_test.go    clients read nothing, under a memory limit
//
// `make faults` runs them all. The flags -kills, -streams and -stalls make longer variants. That too few file
// descriptors cost no browser its answer is a test of cmd/grpcsse.
package faults
