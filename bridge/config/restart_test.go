package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// A new field of Server must say what a reload does with it.
func TestEachServerSettingSaysWhatAReloadDoesWithIt(t *testing.T) {
	listed := map[string]int{}
	for _, s := range config.ServerSettings() {
		listed[s.Field]++
		assert.Contains(t, config.KeyNames(), s.Key)
		assert.NotZero(t, s.OnReload, s.Field)
	}
	server := reflect.TypeFor[config.Server]()
	for i := range server.NumField() {
		assert.Equal(t, 1, listed[server.Field(i).Name], "entries for %s in serverSettings", server.Field(i).Name)
	}
	assert.Len(t, listed, server.NumField())
}

// Each value of each key of [config.Server] is either named as one that needs a restart, or it applies.
func TestWhichKeysNeedARestart(t *testing.T) {
	first := map[string]*config.Config{}
	told := map[string][]string{}
	for _, trial := range trials() {
		if trial.err != nil || !strings.HasPrefix(trial.key, "server.") && !strings.HasPrefix(trial.key, "cluster") {
			continue
		}
		if first[trial.key] == nil {
			first[trial.key] = trial.cfg
		}
		keys := config.NeedRestart(first[trial.key].Server, trial.cfg.Server)
		told[trial.key] = append(told[trial.key], keys...)
		assert.Empty(t, config.NeedRestart(trial.cfg.Server, trial.cfg.Server))
	}
	for _, s := range config.ServerSettings() {
		changes := 0
		for key, keys := range told {
			if key == s.Key || strings.HasPrefix(key, s.Key+".") {
				changes += len(keys)
				for _, named := range keys {
					assert.Equal(t, s.Key, named, "for a change of %s", key)
				}
			}
		}
		if s.OnReload == config.NeedsRestart {
			require.NotZero(t, changes, "%s is never named", s.Key)
		} else {
			assert.Zero(t, changes, "%s is named although it applies", s.Key)
		}
	}
}

// What a program serves after a reload is the new configuration, but for what needs a restart. What the environment has given is
// masked, whichever of the two files has it.
func TestWhatIsInForceAfterAReload(t *testing.T) {
	const routes = "upstreams: {a: {target: b}}\nroutes: [{path: /%s, rpc: a.B/C}]\n"
	env := config.WithEnv(func(name string) (string, bool) {
		return map[string]string{"S": "127.0.0.1:4711", "H": "127.0.0.1:4712"}[name], true
	})
	parse := func(server, path string) *config.Config {
		cfg, err := config.Parse("a.yaml", []byte(strings.Replace(server+routes, "%s", path, 1)), env)
		require.NoError(t, err)
		return cfg
	}
	const plain = "server: {listen: ':1', health: ':2', header_timeout: 3s, drain_timeout: 4s, limits: {connections: 5, streams: 6}}\n"
	const secret = "server: {listen: '${env.S}', health: '${env.H}', header_timeout: 7s, drain_timeout: 8s, limits: {connections: 9, streams: 10}}\n"
	for name, tt := range map[string]struct {
		first, next string
		want        map[string]string
	}{
		"from a secret": {secret, plain, map[string]string{
			"listen": "'***'", "health": "'***'", "header_timeout": "7s", "drain_timeout": "4s", "connections": "9", "streams": "6",
		}},
		"to a secret": {plain, secret, map[string]string{
			"listen": ":1", "health": ":2", "header_timeout": "3s", "drain_timeout": "8s", "connections": "5", "streams": "10",
		}},
		"from the defaults": {"", secret, map[string]string{
			"listen": ":8080", "header_timeout": "10s", "drain_timeout": "8s", "connections": "auto", "streams": "10",
		}},
		"to the defaults": {secret, "", map[string]string{
			"listen": "'***'", "health": "'***'", "header_timeout": "7s", "drain_timeout": "20s", "connections": "9", "streams": "auto",
		}},
	} {
		first, next := parse(tt.first, "first"), parse(tt.next, "next")
		before, err := next.Masked()
		require.NoError(t, err)
		served := next.InForce(first)
		text, err := served.Masked()
		require.NoError(t, err)
		assert.NotContains(t, string(text), "471", name)
		assert.Contains(t, string(text), "path: /next", name)
		for key, want := range tt.want {
			assert.Contains(t, string(text), " "+key+": "+want+"\n", name)
		}
		assert.Empty(t, config.NeedRestart(first.Server, served.Server), name)
		after, err := next.Masked()
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after), "%s: the configuration itself is not changed", name)
		same, err := first.InForce(first).Masked()
		require.NoError(t, err)
		want, err := first.Masked()
		require.NoError(t, err)
		assert.Equal(t, string(want), string(same), name)
	}
	_, err := config.New().InForce(config.New()).Masked()
	require.NoError(t, err, "configurations without files")
}
