//go:build !linux

package uring

import "errors"

// Ring sends to many sockets at once. On this system there is none.
type Ring struct{}

// New returns [errors.ErrUnsupported] on this system.
func New(int) (*Ring, error) { return nil, errors.ErrUnsupported }

// Send does nothing on this system.
func (*Ring) Send([]Send) error { return errors.ErrUnsupported }

// Close does nothing on this system.
func (*Ring) Close() {}
