//go:build !linux

package front

import "net"

// inheritOptions leaves keep-alive to package net, which sets it for each connection.
func inheritOptions(*net.ListenConfig) {}
