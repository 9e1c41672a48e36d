package config

import "fmt"

// sectionExample says how the value of a key looks that is a section: a mapping or a list. It returns "" for any other key.
// Keys are called as [decoder.fields] calls them. A section that has no line here is refused where it is empty.
func sectionExample(key string) string {
	switch key {
	case "server":
		return `{listen: ":8080"}`
	case "server.tls":
		return "{cert_file: tls.crt, key_file: tls.key}"
	case "server.limits":
		return "{shared_streams: 10000}"
	case "upstreams":
		return `{market: {target: "localhost:50051"}}`
	case "upstream":
		return `{target: "localhost:50051"}`
	case "defaults":
		return "{heartbeat: 10s}"
	case "auth":
		return "{jwt: {}}"
	case "auth.jwt":
		return "{corp: {issuer: https://id.example.com}}"
	case "auth.jwt.*":
		return "{issuer: https://id.example.com}"
	case "auth.jwt.*.audience":
		return "[web]"
	case "auth.jwt.*.algorithms":
		return "[RS256, ES256]"
	case "auth.jwt.*.from":
		return `[header, "cookie:session"]`
	case "include":
		return `["routes.d/*.yaml"]`
	case "routes":
		return "[{path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}]"
	case "server.hosts":
		return "[app.example.com]"
	case "server.trusted_proxies":
		return `["10.0.0.0/8"]`
	}
	if example := upstreamExample(key); example != "" {
		return example
	}
	return routeExample(key)
}

func upstreamExample(key string) string {
	switch key {
	case "upstream.tls":
		return "{ca_file: ca.pem}, or {} for the system's roots"
	case "upstream.schema":
		return "{reflection: true} or {descriptor_set: market.binpb}"
	case "upstream.schema.proto":
		return "{files: [market.proto], import_paths: [proto]}"
	case "upstream.metadata":
		return "{x-tenant: acme}"
	case "upstream.keepalive":
		return "{time: 6m, timeout: 20s}"
	case "upstream.schema.proto.files":
		return "[market.proto]"
	case "upstream.schema.proto.import_paths":
		return "[proto]"
	}
	return ""
}

func routeExample(key string) string {
	switch key {
	case "route":
		return "{path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}"
	case "route.request":
		return `{set: {after_sequence: "${last_event_id}"}}`
	case "route.request.set":
		return `{venue: XNAS, after_sequence: "${last_event_id}"}`
	case "route.metadata":
		return "{forward: [authorization]}"
	case "route.metadata.set":
		return "{x-tenant: acme}"
	case "route.event":
		return "{id: sequence}"
	case "route.event.name":
		return "{const: quote}"
	case "route.json":
		return "{enums: numbers}"
	case "route.share":
		return "{late_join: latest}"
	case "route.share.late_join":
		return "{latest_by: symbol}"
	case "route.share.replay":
		return "{events: 1024}"
	case "route.reopen":
		return "{max_attempts: 3}"
	case "route.reopen.backoff":
		return "{base: 200ms, max: 10s}"
	case "route.status":
		return "{UNKNOWN: stop}"
	case "route.cors":
		return `{origins: ["https://app.example.com"]}`
	case "route.limits":
		return "{streams: unlimited}"
	case "route.auth":
		return "{jwt: corp}"
	case "route.methods":
		return "[GET, POST]"
	case "route.request.query":
		return "[symbol, limit]"
	case "route.metadata.forward":
		return "[authorization]"
	case "route.metadata.expose":
		return "[x-cursor]"
	case "route.cors.origins":
		return `["https://app.example.com"]`
	case "route.cors.headers":
		return "[x-tenant]"
	}
	return ""
}

// leaveOutEmpty removes sections that are there and empty, all of their lines being commented out, say: they count as left
// out. A key that no section is keeps its lack of a value, which is a mistake. It is called before the tree is used.
func (l *loader) leaveOutEmpty(n *node, section string) {
	if n.kind == list {
		if section == "routes" {
			for _, c := range n.children {
				l.leaveOutEmpty(c, "route")
			}
		}
		return
	}
	kept := n.children[:0]
	for _, c := range n.children {
		key := joinPath(section, c.name)
		switch {
		case section == "upstreams":
			key = "upstream"
		case section == "defaults":
			key = "route." + c.name
		case section == "auth.jwt":
			key = "auth.jwt.*"
		}
		if c.kind == null && sectionExample(key) != "" && key != "upstream" {
			l.warnOfEmptyTLS(c, key)
			continue
		}
		if sectionExample(key) != "" {
			l.leaveOutEmpty(c, key)
		}
		kept = append(kept, c)
	}
	n.children = kept
}

// warnOfEmptyTLS warns where what is left out is the protection of a connection.
func (l *loader) warnOfEmptyTLS(n *node, key string) {
	hint := ""
	switch key {
	case "upstream.tls":
		hint = "for TLS with the system's roots write `tls: {}`"
	case "server.tls":
		hint = "for TLS name a certificate: tls: " + sectionExample(key)
	default:
		return
	}
	p := n.key.problem(n.path, fmt.Sprintf("`%s` is empty and counts as left out: the connection is not encrypted", n.name), hint)
	p.Warning = true
	l.add(p)
}
