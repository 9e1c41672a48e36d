package config

import (
	"reflect"
	"slices"
	"strings"
)

// serverSetting is a setting of [Server] with what a reload of the configuration does with it.
type serverSetting struct {
	field    string // in Server
	key      string // in a file
	onReload effect
}

// effect is what a reload does with a changed setting.
type effect uint8

const (
	applies      effect = iota + 1 // the new value counts from the reload on
	needsRestart                   // the old value stays until the program starts again
)

// serverSettings has an entry for each field of [Server].
func serverSettings() []serverSetting {
	return []serverSetting{
		{"Listen", "server.listen", needsRestart},
		{"TLS", "server.tls", needsRestart}, // the files behind it are read again by themselves
		{"Health", "server.health", needsRestart},
		{"Admin", "server.admin", needsRestart},
		{"HeaderTimeout", "server.header_timeout", needsRestart},
		{"IdleTimeout", "server.idle_timeout", needsRestart},
		{"ProxyProtocol", "server.proxy_protocol", needsRestart},
		{"Connections", "server.limits.connections", needsRestart},
		{"IOUring", "server.io_uring", needsRestart},
		{"Cluster", "cluster", needsRestart},

		{"AccessLog", "server.access_log", applies},
		{"DrainTimeout", "server.drain_timeout", applies},
		{"Hosts", "server.hosts", applies},
		{"OpenAPI", "server.openapi", applies},
		{"RequestBytes", "server.limits.request_bytes", applies},
		{"TrustedProxies", "server.trusted_proxies", applies},
		{"Streams", "server.limits.streams", applies},
		{"StreamsPerClient", "server.limits.streams_per_client", applies},
		{"StreamsPerSubject", "server.limits.streams_per_subject", applies},
		{"OpensPerClient", "server.limits.opens_per_client", applies},
		{"QueueBytes", "server.limits.queue_bytes", applies},
		{"SharedStreams", "server.limits.shared_streams", applies},
		{"ReplayBytes", "server.limits.replay_bytes", applies},
	}
}

// NeedRestart returns the keys of [Server] whose value in next differs from that in running, and which a running program
// cannot change.
func NeedRestart(running, next Server) (keys []string) {
	before, after := reflect.ValueOf(running), reflect.ValueOf(next)
	for _, s := range serverSettings() {
		same := reflect.DeepEqual(before.FieldByName(s.field).Interface(), after.FieldByName(s.field).Interface())
		if s.onReload == needsRestart && !same {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// InForce returns what a running program serves after it has started with first and a reload has given it c: c, in which the
// settings that need a restart have the values of first. The result is for an operator, see [Config.Masked]. InForce changes neither
// configuration.
func (c *Config) InForce(first *Config) *Config {
	served := *c
	before, now := reflect.ValueOf(first.Server), reflect.ValueOf(&served.Server).Elem()
	for _, s := range serverSettings() {
		if s.onReload == needsRestart {
			now.FieldByName(s.field).Set(before.FieldByName(s.field))
			served.source.node = served.source.node.with(first.source.node, strings.Split(s.key, "."))
		}
	}
	return &served
}

// with returns a copy of a tree, which may be nil, in which the value at a path is that of another tree, which may be nil too. It is
// for what is known of the values, such as that the environment had a part in them.
func (n *node) with(other *node, path []string) *node {
	out := &node{kind: mapping, pos: nowhere()}
	if n != nil && n.kind == mapping {
		*out = *n
	}
	value := other.child(path[0])
	if len(path) > 1 {
		value = n.child(path[0]).with(value, path[1:])
		value.name = path[0]
	}
	out.children = slices.DeleteFunc(slices.Clone(out.children), func(c *node) bool { return c.name == path[0] })
	if value != nil {
		out.children = append(out.children, value)
	}
	return out
}
