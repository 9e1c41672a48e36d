package config_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// Every key has a field in the Go structs, and every field has a key. A change of the key's value changes the field's value.
func TestEveryKeyHasAFieldAndEveryFieldAKey(t *testing.T) {
	first, moved := make(map[string]*config.Config), make(map[string]map[string]bool)
	for _, trial := range trials() {
		if trial.err != nil || len(trial.cfg.Routes) == 0 || strings.HasPrefix(trial.value, "{") && hasKeys(trial.key) {
			continue // the keys inside of the section have fields of their own
		}
		if first[trial.key] == nil {
			first[trial.key], moved[trial.key] = trial.cfg, make(map[string]bool)
		}
		differences(first[trial.key], trial.cfg, moved[trial.key])
	}
	withKey := make(map[string]bool)
	for _, key := range config.KeyNames() {
		maps.Copy(withKey, moved[key])
		if reason := withoutField(key); reason != "" {
			assert.Empty(t, moved[key], "%s should have no field: %s", key, reason)
		} else if !hasKeys(key) {
			assert.NotEmpty(t, moved[key], "%s has no field", key)
		}
	}
	fields := make(map[string]bool)
	fieldsOf(reflect.TypeFor[config.Server](), "Server", fields)
	fieldsOf(reflect.TypeFor[config.Upstream](), "Upstream", fields)
	fieldsOf(reflect.TypeFor[config.Route](), "Route", fields)
	fieldsOf(reflect.TypeFor[config.JWT](), "JWT", fields)
	fieldsOf(reflect.TypeFor[config.Ask](), "Ask", fields)
	fields["Auth.Warn"] = true
	require.Greater(t, len(fields), 60)
	for _, named := range []string{"Upstream", "JWT", "Ask"} {
		delete(fields, named+".Name") // the key of the mapping around it
	}
	delete(fields, "Upstream.Schema.Reflection") // `schema` sets the field to true with one of its values, and to false with all others
	assert.Equal(t, slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(withKey)), "all fields, and the fields that some key changes")
}

// withoutField returns why no Go struct has a field for a key, or "".
func withoutField(key string) string {
	switch key {
	case "include":
		return "the loader reads the files"
	case "upstream.schema.reflection":
		return "the other value needs another key"
	}
	return ""
}

// hasKeys reports whether a key stands for a section or for several ones.
func hasKeys(key string) bool {
	return slices.Contains([]string{"upstreams", "routes", "defaults", "auth.jwt.*", "auth.ask.*"}, key) ||
		slices.ContainsFunc(config.KeyNames(), func(name string) bool { return strings.HasPrefix(name, key+".") })
}

// differences records the fields in which two configurations differ.
func differences(a, b *config.Config, fields map[string]bool) {
	differ(reflect.ValueOf(a.Server), reflect.ValueOf(b.Server), "Server", fields)
	differ(reflect.ValueOf(a.Upstreams[0]), reflect.ValueOf(b.Upstreams[0]), "Upstream", fields)
	differ(reflect.ValueOf(a.Routes[0]), reflect.ValueOf(b.Routes[0]), "Route", fields)
	differ(reflect.ValueOf(a.Auth.Warn), reflect.ValueOf(b.Auth.Warn), "Auth.Warn", fields)
	if len(a.Auth.JWT) > 0 && len(b.Auth.JWT) > 0 {
		differ(reflect.ValueOf(a.Auth.JWT[0]), reflect.ValueOf(b.Auth.JWT[0]), "JWT", fields)
	}
	if len(a.Auth.Ask) > 0 && len(b.Auth.Ask) > 0 {
		differ(reflect.ValueOf(a.Auth.Ask[0]), reflect.ValueOf(b.Auth.Ask[0]), "Ask", fields)
	}
}

func differ(a, b reflect.Value, name string, fields map[string]bool) {
	if a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
		a, b = a.Elem(), b.Elem()
	}
	if a.Kind() != reflect.Struct {
		empty := (a.Kind() == reflect.Slice || a.Kind() == reflect.Map) && a.Len() == 0 && b.Len() == 0 // nil and empty count as equal
		if !empty && !reflect.DeepEqual(a.Interface(), b.Interface()) {
			fields[name] = true
		}
		return
	}
	for i := range a.NumField() {
		if f := a.Type().Field(i); f.IsExported() {
			differ(a.Field(i), b.Field(i), name+"."+f.Name, fields)
		}
	}
}

// fieldsOf records the names of the fields of a struct, and of the structs in these fields.
func fieldsOf(of reflect.Type, name string, fields map[string]bool) {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		fields[name] = true
		return
	}
	for i := range of.NumField() {
		if f := of.Field(i); f.IsExported() {
			fieldsOf(f.Type, name+"."+f.Name, fields)
		}
	}
}

// The bridge writes routes and upstreams that are made in Go in the form of a file, and checks them with the rules of a file.
// No key may be lost there.
func TestRoutesAndUpstreamsAreWrittenAsTheyWereRead(t *testing.T) {
	for _, trial := range trials() {
		if trial.err != nil || len(trial.cfg.Routes) == 0 {
			continue
		}
		lost := make(map[string]bool)
		route, upstream := trial.cfg.Routes[0], trial.cfg.Upstreams[0]
		differ(reflect.ValueOf(route), reflect.ValueOf(route.Rewritten()), "Route", lost)
		differ(reflect.ValueOf(upstream), reflect.ValueOf(upstream.Rewritten()), "Upstream", lost)
		delete(lost, "Upstream.Metadata") // the bridge checks it when it connects
		delete(lost, "Upstream.MetadataFiles")
		assert.Empty(t, lost, trial.file)
	}
}
