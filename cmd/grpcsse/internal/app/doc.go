// Package app is the command line of grpcsse: it reads the arguments, wires configuration, bridge and listeners together,
// and says what went wrong.
//
// Data goes to standard output, words go to standard error.
package app
