// Package app is the command line of grpcsse. It reads the arguments, connects configuration, bridge and listeners, and reports
// errors.
//
// Data goes to standard output, messages for people go to standard error.
package app
