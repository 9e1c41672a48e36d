package request

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHostsAreComparedInOneForm(t *testing.T) {
	known := NewHosts([]string{"localhost", "127.0.0.1", "::1", "App.example."})
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LocalHost.:1": true, "localhost.": true, "localhost:": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]": true, "[::1]:8080": true, "[0:0::1]:1": true, "app.example": true,
		"": false, ":8080": false, "evil.example": false, "evil.example:80": false, "localhost.evil.example": false,
		"127.0.0.1.evil.example": false, "[::2]:1": false, "app.example..": false, "localhost:80@evil.example": false,
		"localhost@evil.example": false, "evil.example@localhost": false, "localhost/": false, "localhost, evil": false, "2130706433": false,
	} {
		assert.Equal(t, want, known.Serves(host), "%q", host)
	}
	for _, host := range []string{"", "anything", "evil.example:80"} {
		assert.True(t, NewHosts(nil).Serves(host), "an empty list allows all hosts: %q", host)
	}
	for _, listed := range []string{"localhost", "*.example.com", "127.0.0.0/8"} {
		assert.False(t, NewHosts([]string{listed}).Serves("evil.example"), "a list with one entry excludes other hosts: %q", listed)
	}
	patterns := NewHosts([]string{"*.example.com", "127.0.0.0/8", "fd00::/8"})
	for host, want := range map[string]bool{
		"a.example.com": true, "a.b.Example.com.:1": true, "127.1.2.3:80": true, "[fd00::1]": true, "[::ffff:127.0.0.1]:1": true,
		"example.com": false, ".example.com": false, "aexample.com": false, "example.com.evil": false, "128.0.0.1": false,
		"127.0.0.1.evil.example": false, "[fc00::1]": false, "": false,
	} {
		assert.Equal(t, want, patterns.Serves(host), "%q", host)
	}
}

func TestARefusedHostIsToldWhatCanBeDone(t *testing.T) {
	const flag, file = "--listen", "lists those that it does"
	for name, tt := range map[string]struct {
		listed     []string
		host, want string
	}{
		"as beside --upstream": {[]string{"localhost", "*.localhost", "127.0.0.0/8", "::1"}, "evil.example", `the host "evil.example": it serves this machine's own names`},
		"and the flag":         {[]string{"localhost", "*.localhost", "127.0.0.0/8", "::1"}, "evil.example", flag},
		"no host":              {[]string{"localhost"}, "", "requests that name no host"},
		"a file":               {[]string{"app.example.com"}, "evil.example", file},
		"a file, a name more":  {[]string{"localhost", "app.example.com"}, "evil.example", file},
		"a file, a pattern":    {[]string{"*.example.com", "127.0.0.1"}, "evil.example", file},
		"a file, a range":      {[]string{"127.0.0.0/8", "10.0.0.0/8"}, "evil.example", file},
		"a file, an address":   {[]string{"10.1.2.3"}, "evil.example", file},
	} {
		got := NewHosts(tt.listed).Refusal(tt.host)
		assert.Contains(t, got, tt.want, name)
		assert.NotContains(t, got, "app.example.com", name)
	}
}
