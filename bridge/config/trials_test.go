package config_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// trial is a file in which one key has a certain value, and the result of loading the file.
type trial struct {
	key, value, file string
	cfg              *config.Config // nil where the loader refuses the file
	err              error
}

// trialFile is the name of such a file. Its directory does not exist, so that an `include` finds no files.
const trialFile = "absent/a.yaml"

// trials tries values of all kinds for every key. A value that the loader accepts in a route is also tried in `defaults`.
var trials = sync.OnceValue(func() (all []trial) {
	for _, key := range config.KeyNames() {
		for _, value := range anyValues() {
			tried := try(key, value, fileWith(key, value))
			all = append(all, tried)
			if inside, ok := strings.CutPrefix(key, "route."); ok && tried.err == nil {
				below := nested(strings.Split(inside, "."), value, nil, nil)
				file := "{upstreams: {market: {target: a}, orders: {target: b}}, routes: [{path: /b, rpc: a.B/C}], defaults: " + below + ", auth: " + trialAuth + "}"
				all = append(all, try("defaults."+inside, value, file))
			}
		}
	}
	return all
})

func try(key, value, file string) trial {
	cfg, err := config.Parse(trialFile, []byte(file), config.WithEnv(noEnvironment))
	return trial{key, value, file, cfg, err}
}

// anyValues returns values of all kinds, in the form of a file.
func anyValues() []string {
	return slices.Concat(texts(), lists(), mappings())
}

func texts() []string {
	return []string{
		`null`, `~`, ``, `""`, `" "`, `a`, `market`, `orders`, `a b`, `"a\nb"`, `'*'`, `a.b`, `a..b`, `a-b`, `1st`, `/a`, `"/{b}"`,
		`"/{b"`, `a.B/C`, `x.Y/Z`, `a.B.C`, `ä`,
		`true`, `false`, `"true"`, `yes`, `on`, `off`, `"off"`, `auto`, `unlimited`, `none`, `all`, `latest`, `latest_by`,
		`stop`,
		`reconnect`, `reopen`, `event`, `http`, `disconnect`, `skip`, `ignore`, `reject`, `names`, `numbers`, `json`,
		`proto`, `round_robin`,
		`pick_first`, `GET`, `POST`, `0`, `-0`, `+0`, `1`, `+1`, `-1`, `5`, `"5"`, `007`, `0x10`, `0o7`, `1_000`, `5000`,
		`1.5`, `1.`, `.5`, `1e3`,
		`99999999999999999999`, `0s`, `-0s`, `5s`, `+5s`, `-5s`, `1.5s`, `.5s`, `1.s`, `300ms`, `1h30m`, `5 s`, `5S`,
		`1µs`, `64KiB`, `4MB`, `0KiB`,
		`1GiB`, `5000000000000GiB`, `text`, `5/s`, `"5/s"`, `005/m`, `0/s`, `5/sec`, `-5/s`, `5 / s`, `5000000000/s`,
		`"${env.A:-5/h}"`, `":8080"`, `localhost:8080`, `"[::1]:80"`, `"a:b"`, `12:30:45`, `dns:///a:1`,
		`http://a:1`, `http://`, `grpcs://a`, `unix:/a`, `"127.0.0.1:9091"`, `":8081"`,
		`../testdata/problems/secrets/key`, `../testdata/problems/secrets/long`, trialSecret, trialOther,
		`app.example.com`, `"*.example.com"`, `"*.*.com"`, `10.0.0.0/8`, `"::1"`, `"[::1]"`, `10.1.2.3`, `10.1`,
		`https://app.example.com`, `HTTPS://a`,
		`2026-01-01`, `2026-01-01T00:00:00Z`, `!!str a`, `&a b`, `"${env.A:-5}"`, `"${env.A:-5s}"`, `"${env.A:-off}"`,
		`"${env.A:-true}"`, `"${env.A:-}"`,
		`"${env.A:-/a}"`, `"${env.A:-a b}"`, `"${env.A:-GET}"`, `"${env.A}"`, `"5${env.A:-s}"`, `"${header.x}"`,
		`"$${header.x}"`, `"${last_event_id}"`,
	}
}

func lists() []string {
	return []string{
		`[]`, `[a]`, `[a, a]`, `[a, b.c]`, `["*"]`, `["*", a]`, `["*", "*"]`, `[GET]`, `[POST]`, `[GET, POST]`,
		`[GET, GET]`, `[get]`,
		`["https://a.example"]`, `["https://a.example", "*"]`, `["http://localhost:3000", "http://[::1]:8080"]`,
		`["https://a.example:443"]`, `["null"]`,
		`[x-a, X-A]`, `[x_a, x.b]`, `["a b"]`, `[null]`, `[[a]]`, `[{}]`, `[1]`, `[1, "1"]`, `[true]`, `[10.1]`, `[""]`,
		`["::1", "[::2]", 10.0.0.0/8, "a."]`, `[10.1.2.3, 10.0.0.0/8, "fd00::/8", "::ffff:10.0.0.1"]`, `[10.0.0.0/8, 10.1.2.3/8]`,
		`[10.0.0.0/99]`, `["fe80::1%eth0"]`,
		`["${env.A:-a}"]`, `["${env.A:-*}"]`, `["${env.A:-POST}"]`, `[GET, "${env.A:-POST}"]`,
		`["${env.A:-https://a.example}"]`, `["a/b"]`, `[set-cookie]`,
		`["nats://a"]`, `["nats://a:4222", "tls://b"]`, `["nats://u:p@a"]`, `["a:4222"]`,
		`[RS256]`, `[RS256, ES384]`, `[RS256, RS256]`, `[HS256]`, `[none]`, `[header]`, `[header, "cookie:a", "query:b"]`,
		`["query:a", "query:a"]`, `["cookie:"]`, `[query]`, `["query:last_event_id"]`, `["${env.A:-header}"]`,
		`[{path: /a, rpc: a.B/C}]`, `[{path: /a, rpc: a.B/C, methods: [POST], body: a}]`,
		`[{path: /a, rpc: a.B/C, body: a}]`, `[{path: /a}]`, `[{rpc: a.B/C}]`,
		`[{path: /a, rpc: a.B/C, share: off, methods: [POST]}]`,
		`[{path: /a, rpc: a.B/C, share: {late_join: all}, methods: [POST]}]`,
		`[{path: /a, rpc: a.B/C, body: "${env.A:-}", methods: [GET]}]`, `[{path: /a, rpc: a.B/C, body: "", methods: [GET]}]`,
		`[{path: /a, rpc: a.B/C, body: a, methods: ["${env.A:-POST}"]}]`, `[{path: /a, rpc: a.B/C, body: a, methods: [GET]}]`,
	}
}

func mappings() []string {
	return []string{
		`{}`, `{target: a}`, `{target: a, authority: b}`, `{target: a, authority: b, tls: {}}`,
		`{target: a, authority: b, tls: }`, `{a: b}`, `{a: ""}`, `{a: null}`, `{a: [1, null]}`, `{a: {b: {}}}`, `{a.b: 1}`,
		`{a-b: 1}`, `{"a b": 1}`, `{a..b: 1}`, `{5: a}`, `{const: a}`, `{const: ""}`,
		`{latest_by: a}`, `{since: a}`, `{latest_by: a, since: a}`, `{latest_by: a, keys: 5}`, `{since: a, keys: 5}`,
		`{keys: 5}`, `{late_join: latest}`, `{every: 5s}`, `{every: 5s, newest_by: a}`, `{newest_by: a}`, `{every: off}`,
		`{late_join: {since: a}}`, `{UNKNOWN: stop}`, `{UNKNOWN: stop, INTERNAL: "${env.A:-reconnect}"}`,
		`{unknown: stop}`, `{OK: stop}`, `{origins: ["*"]}`,
		`{origins: ["*"], credentials: true}`, `{origins: ["*"], credentials: "${env.A:-false}"}`,
		`{origins: [], credentials: true}`, `{credentials: true}`,
		`{origins: ["https://a.example"], credentials: true}`, `{reflection: true}`, `{reflection: false}`,
		`{reflection: "${env.A:-false}", descriptor_set: a}`,
		`{reflection: false, descriptor_set: a}`, `{reflection: true, descriptor_set: a}`, `{descriptor_set: a}`,
		`{descriptor_set: a, proto: }`, `{proto: }`,
		`{reflection: "true", proto: }`, `{descriptor_set: }`, `{proto: {files: [a]}, descriptor_set: a}`,
		`{proto: {files: [a]}}`,
		`{proto: {files: [a], import_paths: [b]}, reflection: false}`, `{cert_file: a}`, `{key_file: a}`,
		`{cert_file: a, key_file: b}`, `{ca_file: a}`, `{server_name: a}`,
		`{forward: [x-a], set: {x-a: b}}`, `{expose: [x-a]}`, `{events: 5, bytes: 5KiB, age: 5s}`,
		`{max_attempts: 3, backoff: }`, `{base: 5s, max: 10s}`, `{base: 5s, max: 1s}`,
		`{time: off, timeout: 5s}`, `{heartbeat: 5s}`, `{path: /a}`, `{rpc: a.B/C}`, `{name: a}`, `{jwt: }`, `{jwt: {}}`,
		`{streams: unlimited}`, `{listen: "127.0.0.1:9091"}`, `{listen: ":9091"}`, `{listen: "127.0.0.1:8080"}`,
		`{market: {target: a}}`, `{market: }`, `{market: {}}`,
		`{market: {target: a, authority: b}}`, `{market: {target: a, authority: b, tls: {}}}`,
		`{market: {target: a, authority: b, tls: }}`, `{x-a_file: absent}`, `{x-a_file: ../testdata/problems/secrets/key}`, `{grpc-a: b}`,
		`{jwt: market}`, `{ask: market}`, `{jwt: market, ask: market}`, `{jwt: market, require: {a: b}}`, `{jwt: market, require: }`,
		`{require: {a: b}}`, `{jwt: market, require: {"a b": c}}`, `{issuer: "https://a.example"}`, `{issuer: a}`,
		`{issuer: a, jwks_url: "https://a.example"}`, `{jwks_url: "https://a.example", jwks_file: a}`, `{jwks_file: a}`,
		`{servers: ["nats://a"]}`, `{servers: ["nats://a"], nkey_file: a, user: b}`, `{servers: ["tls://a"], user: b}`,
		`{name: a, secret_file: ` + trialSecret + `, nats: {servers: ["nats://a"]}}`, `{name: a, nats: {servers: ["nats://a"]}}`,
		`{url: "http://a.example", forward: [cookie]}`, `{url: "http://a.example"}`, `{forward: [cookie]}`,
	}
}

// fileWith returns a file in which a key has a value. The file also has the keys that are required.
func fileWith(name, value string) string {
	keys := strings.Split(name, ".")
	switch keys[0] {
	case "upstream":
		market := nested(keys[1:], value, besides(name), map[string]string{"target": "a"})
		return "{upstreams: {market: " + market + "}, routes: [{path: /a, rpc: a.B/C}]}"
	case "route":
		route := nested(keys[1:], value, besides(name), map[string]string{"path": "/a", "rpc": "a.B/C"})
		return "{upstreams: {market: {target: a}, orders: {target: b}}, routes: [" + route + "], auth: " + trialAuth + "}"
	}
	outer := map[string]string{"upstreams": "{market: {target: a}}", "routes": "[{path: /a, rpc: a.B/C}]"}
	return nested(keys, value, besides(name), outer)
}

// trialAuth has the names to which a route can refer.
const trialAuth = `{jwt: {market: {jwks_file: c}, orders: {jwks_file: d}}, ` +
	`ask: {market: {url: "http://a", forward: [b]}, orders: {url: "http://b", forward: [b]}}}`

// besides returns the keys that another key of their section needs.
func besides(name string) map[string]string {
	switch name {
	case "route.body":
		return map[string]string{"methods": "[GET, POST]"}
	case "route.share.late_join.keys":
		return map[string]string{"latest_by": "a"}
	case "route.share.pace.newest_by":
		return map[string]string{"every": "1s"}
	case "route.reopen.backoff.base":
		return map[string]string{"max": "10h"}
	case "upstream.schema.reflection":
		return map[string]string{"descriptor_set": "a"}
	case "upstream.schema.proto.import_paths":
		return map[string]string{"files": "[a.proto]"}
	case "route.auth.require":
		return map[string]string{"jwt": "market"}
	case "auth.jwt.*.audience", "auth.jwt.*.algorithms", "auth.jwt.*.leeway", "auth.jwt.*.from":
		return map[string]string{"issuer": "https://a.example"}
	case "auth.ask.*.url", "auth.ask.*.forward", "auth.ask.*.claims", "auth.ask.*.again":
		return map[string]string{"url": "http://a", "forward": "[cookie]"}
	case "upstream.tls.cert_file", "upstream.tls.key_file", "server.tls.cert_file", "server.tls.key_file",
		"cluster.nats.tls.cert_file", "cluster.nats.tls.key_file":
		return map[string]string{"cert_file": "a", "key_file": "b"}
	case "cluster.name", "cluster.secret_file", "cluster.seal", "cluster.nats", "cluster.replicas", "cluster.patience":
		return map[string]string{"name": "a", "secret_file": trialSecret, "nats": `{servers: ["nats://a"]}`}
	case "cluster.nats.user", "cluster.nats.password_file":
		return map[string]string{"user": "a", "password_file": trialSecret, "servers": `["nats://a"]`}
	case "cluster.nats.servers", "cluster.nats.credentials_file", "cluster.nats.nkey_file", "cluster.nats.tls":
		return map[string]string{"servers": `["nats://a"]`}
	case "server.admin.token_file":
		return map[string]string{"listen": `"127.0.0.1:9091"`}
	}
	return nil
}

// These are paths of files with secrets that are long enough for a cluster.
const (
	trialSecret = "../testdata/problems/secrets/cluster"
	trialOther  = "../testdata/problems/secrets/other"
)

// nested returns a flow mapping in which keys lead to a value. The keys of beside are next to the last key, and those of outer
// next to the first key.
func nested(keys []string, value string, beside, outer map[string]string) string {
	if len(keys) == 0 {
		return value
	}
	entries := maps.Clone(outer)
	if entries == nil {
		entries = make(map[string]string)
	}
	if len(keys) == 1 {
		maps.Copy(entries, beside)
	}
	entries[keys[0]] = nested(keys[1:], value, beside, sectionNeeds(keys))
	var all []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		all = append(all, fmt.Sprintf("%q: %s", key, entries[key]))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// sectionNeeds returns the keys that the section around the second key requires.
func sectionNeeds(keys []string) map[string]string {
	switch {
	case keys[0] == "cluster" && len(keys) > 2:
		return map[string]string{"name": "a", "secret_file": trialSecret, "nats": `{servers: ["nats://a"]}`}
	case keys[0] == "nats" && len(keys) > 2:
		return map[string]string{"servers": `["nats://a"]`}
	case len(keys) > 2 && keys[0] == "share" || len(keys) == 2 && keys[0] == "share" && keys[1] != "late_join":
		return map[string]string{"late_join": "latest"}
	case keys[0] == "cors":
		return map[string]string{"origins": `["https://a.example"]`}
	}
	return nil
}
