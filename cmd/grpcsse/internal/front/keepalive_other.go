//go:build !linux

package front

import "net"

// inheritKeepAlive leaves keep-alive to package net, which sets it for each connection.
func inheritKeepAlive(*net.ListenConfig) {}
