// Package uring sends to many sockets with one system call, by io_uring of Linux. Nothing waits: a send takes what the socket
// takes now, as write(2) does on a descriptor that is non-blocking, and all sends are over when the call returns.
//
// The package is the only one that knows the memory which a program shares with the kernel for io_uring, and the only one that
// needs package unsafe for that. The layout is that of the kernel's header linux/io_uring.h.
package uring

import "errors"

// Send is one send to a socket.
type Send struct {
	FD     int
	Pieces [][]byte // not empty
	// Taken is how many bytes the socket has taken, once [Ring.Send] has returned. Where these are less than all, and Err is nil,
	// the socket takes no more now.
	Taken int
	// Err is nil, [ErrNotSent], [ErrUnknown], or the error number of the system for this socket.
	Err error
}

// ErrNotSent is the error of a send that did not take place. It may be done in another way.
var ErrNotSent = errors.New("not sent")

// ErrUnknown is the error of a send of which the kernel has not said what the socket has taken. Nothing more may be sent to such
// a socket, since bytes could be lost or come twice.
var ErrUnknown = errors.New("io_uring did not say what was sent")
