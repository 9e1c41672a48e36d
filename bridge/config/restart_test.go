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

// Each value of each key under `server` is either named as one that needs a restart, or it applies.
func TestWhichKeysNeedARestart(t *testing.T) {
	first := map[string]*config.Config{}
	told := map[string][]string{}
	for _, trial := range trials() {
		if trial.err != nil || !strings.HasPrefix(trial.key, "server.") {
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
