package target_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/target"
)

func TestTargetsThatGRPCCanRead(t *testing.T) {
	for text, lacksPort := range map[string]bool{
		"localhost":                          true,
		"market.example.com":                 true,
		"127.0.0.1":                          true,
		"::1":                                true,
		"[::1]":                              true,
		"fe80::1%eth0":                       true,
		"fe80::1%eth0:50051":                 true, // the zone may have a colon
		"::ffff:127.0.0.1":                   true,
		"dns:market":                         true,
		"dns:///market":                      true,
		"dns:///::1":                         true,
		"dns:///[::1]":                       true,
		"dns://8.8.8.8/market":               true,
		"dns://8.8.8.8:53/market":            true,
		"localhost:50051":                    false,
		":50051":                             false,
		"localhost:http":                     false,
		"127.0.0.1:1":                        false,
		"[::1]:65535":                        false,
		"[fe80::1%eth0]:50051":               false,
		"dns:market:50051":                   false,
		"dns:///market:50051":                false,
		"dns:///[::1]:50051":                 false,
		"dns://8.8.8.8/market:50051":         false,
		"unix:market.sock":                   false,
		"unix:///run/market.sock":            false,
		"unix-abstract:market":               false,
		"passthrough:///bufnet":              false,
		"passthrough:bufnet":                 false,
		"xds:///market":                      false, // a resolver of the program's own
		"zookeeper://zk.example.com/service": false,
		"k8s:default/market":                 false,
	} {
		hint, ok := target.Check(text)
		assert.True(t, ok, text)
		assert.Empty(t, hint, text)
		assert.Equal(t, lacksPort, target.LacksPort(text), text)
	}
}

func TestTargetsThatGRPCCannotRead(t *testing.T) {
	const missing, brackets = "a port is missing behind the colon", "an IPv6 address stands in brackets before its port, as in [::1]:50051"
	for text, want := range map[string]string{
		"dns:///":                 "a host is missing",
		"dns://8.8.8.8":           "a host is missing",
		"localhost:":              missing,
		"[::1]:":                  missing,
		"dns:///market:":          missing,
		"::1:50051":               "did you mean `[::1]:50051`?",
		"a:b:50051":               brackets,
		"[a:b]:50051":             brackets,
		"localhost:0":             "a port is a number from 1 to 65535",
		"localhost:65536":         "a port is a number from 1 to 65535",
		"[::1]:99999999999999999": "a port is a number from 1 to 65535",
		"localhost:50051/":        "did you mean `localhost:50051`?",
		"localhost:50051/shop.v1": "did you mean `localhost:50051`?",
		"dns:///[::1]:50051/a/b":  "did you mean `dns:///[::1]:50051`?",
		"/run/market.sock":        "did you mean `unix:/run/market.sock`?",
		"//localhost:50051":       "did you mean `localhost:50051`?",
	} {
		hint, ok := target.Check(text)
		assert.False(t, ok, text)
		assert.Equal(t, want, hint, text)
	}
}
