package catalog

import (
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/target"
)

// checkPort warns of a plaintext server whose target has no port: gRPC takes the port of TLS. There is no warning for a URI
// such as dns:///market.
func (b *tableBuilder) checkPort(u *backend) {
	if u.cfg.TLS != nil || strings.HasPrefix(u.cfg.Target, "dns:") || !target.LacksPort(u.cfg.Target) {
		return
	}
	b.warn(u.cfg.Problem("target", target.NoPort+", which is that of TLS: the upstream has no `tls`",
		"name the port, as in localhost:50051; where the server speaks TLS, say `tls: {}` beside the target"))
}

// checkServed reports an upstream of which no method is served, where methods are served without a route in the file.
func (b *tableBuilder) checkServed(cfg *config.Config, u *backend) {
	snap := b.views[u].snap
	if snap == nil || len(snap.Broken()) > 0 || b.serves[u] {
		return
	}
	switch from := schemaOf(u.cfg); {
	case cfg.ServeAll:
		b.table.problems = append(b.table.problems,
			u.cfg.Problem("target", from+" has no server-streaming method: nothing of the upstream is served", ""))
	case u.cfg.Annotations:
		b.warn(u.cfg.Problem("annotations",
			from+" has no server-streaming method with an annotation that is served: nothing of the upstream is served",
			"expected a google.api.http rule for GET or an option of grpcsse.v1; methods without one are listed under `routes`"))
	}
}

// schemaOf returns a phrase that says where the schema of an upstream comes from.
func schemaOf(u *config.Upstream) string {
	switch {
	case u.Schema.DescriptorSet != "":
		return "the descriptor set " + u.Schema.DescriptorSet
	case u.Schema.Proto != nil:
		return "what the .proto files " + route.ListNames(u.Schema.Proto.Files) + " describe"
	}
	return "the schema that the server shows by reflection"
}

func (b *tableBuilder) warn(p *config.Problem) {
	p.Warning = true
	b.table.problems = append(b.table.problems, p)
}
