package config

import "reflect"

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

		{"AccessLog", "server.access_log", applies},
		{"DrainTimeout", "server.drain_timeout", applies},
		{"Hosts", "server.hosts", applies},
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

// NeedRestart returns the keys under `server` whose value in next differs from that in running, and which a running program
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
