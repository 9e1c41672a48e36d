package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestAnUpstreamMadeInGoIsInOrder(t *testing.T) {
	for name, u := range map[string]*config.Upstream{
		"made by ForUpstream": config.ForUpstream("localhost:50051").Upstreams[0],
		"with a target only": {
			Name: "market", Target: "localhost:50051",
		},
		"no port":        {Target: "localhost"},
		"IPv6":           {Target: "::1"},
		"a URI":          {Target: "dns:///market"},
		"a socket":       {Target: "unix:///run/market.sock"},
		"connections":    {Target: "localhost:50051", Connections: 100},
		"a set in files": {Target: "localhost:50051", Schema: config.Schema{Reflection: true, DescriptorSet: "market.binpb"}},
		"sources":        {Target: "localhost:50051", Schema: config.Schema{Proto: &config.ProtoSources{Files: []string{"a.proto"}, ImportPaths: []string{"."}}}},
		"everything": {
			Target: "localhost:50051", Balance: config.BalancePickFirst, TLS: &config.UpstreamTLS{ServerName: "market"}, Annotations: true,
			MaxMessageBytes: 1 << 20, Metadata: map[string]string{"x-key-bin": "\x00"}, Keepalive: config.Keepalive{Time: time.Minute},
		},
	} {
		assert.Empty(t, u.Validate(), name)
	}
}

func TestWhatIsWrongWithAnUpstreamMadeInGo(t *testing.T) {
	set := func(change func(*config.Upstream)) *config.Upstream {
		u := config.ForUpstream("localhost:50051").Upstreams[0]
		change(u)
		return u
	}
	for want, u := range map[string]*config.Upstream{
		`upstreams."http://localhost:50051".target: expected a gRPC target such as localhost:50051, dns:///market:50051 or ` +
			`unix:/run/market.sock, found "http://localhost:50051"`: config.ForUpstream("http://localhost:50051").Upstreams[0],
		`upstreams."localhost:".target: expected a gRPC target such as localhost:50051, dns:///market:50051 or ` +
			`unix:/run/market.sock, found "localhost:"`: config.ForUpstream("localhost:").Upstreams[0],
		"`target` is missing: expected the address of the gRPC server, such as localhost:50051": {},
		`upstreams."localhost:50051".balance: expected ` + "`round_robin` or `pick_first`" + `, found "random"`: set(func(u *config.Upstream) {
			u.Balance = "random"
		}),
		`upstreams."localhost:50051".connections: expected at most 16, which is ` + "`max_connections`" + `, found "20"`: set(func(u *config.Upstream) {
			u.Connections = 20
		}),
		`upstreams."localhost:50051".max_message_bytes: expected a size over 0 such as 64KiB, 4MiB or 1GiB, found "-1"`: set(func(u *config.Upstream) {
			u.MaxMessageBytes = -1
		}),
		`upstreams."localhost:50051".schema: a second source of the schema: expected a DescriptorSet or Proto, found both`: set(func(u *config.Upstream) {
			u.Schema = config.Schema{DescriptorSet: "a", Proto: &config.ProtoSources{Files: []string{"b"}, ImportPaths: []string{"c"}}}
		}),
		`upstreams."localhost:50051".authority: ` + "`authority` is for plaintext: with `tls`, the name in the certificate is the :authority too": set(func(u *config.Upstream) {
			u.Authority, u.TLS = "market", &config.UpstreamTLS{}
		}),
	} {
		problems := u.Validate()
		if assert.Len(t, problems, 1, want) {
			assert.Equal(t, want, problems[0].Error())
			assert.False(t, problems[0].Warning)
		}
	}
}
