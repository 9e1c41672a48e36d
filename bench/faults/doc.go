// Package faults has the tests in which something breaks around `grpcsse serve`, with a ledger: each event reaches each browser
// once on all of its connections together, and there is a gap only where the browser was told of one. The program, the upstream
// and the crowd are processes of their own.
//
//	kills_test.go    the upstream is killed, again and again
//
// `make faults` runs them all. The flag -kills makes longer variants. That too few file descriptors cost no
// browser its answer is a test of cmd/grpcsse.
package faults
