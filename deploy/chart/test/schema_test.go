package test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
)

// free are the values whose content is the user's or another product's.
func free() []string {
	return []string{
		"config", "resources", "podLabels", "podAnnotations", "nodeSelector", "affinity", "service.annotations",
		"httpRoute.annotations", "ingress.annotations", "serviceMonitor.labels", "serviceAccount.annotations",
	}
}

// defaults returns values.yaml.
func defaults(t *testing.T) map[string]any {
	t.Helper()
	values, err := chartutil.ReadValuesFile("../values.yaml")
	require.NoError(t, err)
	return values
}

// walk calls visit with the path of each value, down to what is free.
func walk(at string, value any, visit func(at string, value any)) {
	if at != "" {
		visit(at, value)
	}
	inner, ok := value.(map[string]any)
	if !ok || slices.Contains(free(), at) {
		return
	}
	for key, value := range inner {
		walk(strings.TrimPrefix(at+"."+key, "."), value, visit)
	}
}

// with returns the smallest values with one more.
func with(t *testing.T, at string, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	text := string(encoded)
	keys := strings.Split(at, ".")
	for i := len(keys) - 1; i >= 0; i-- {
		text = fmt.Sprintf("{%q: %s}", keys[i], text)
	}
	return merged(t, text)
}

// merged returns the smallest values with some more.
func merged(t *testing.T, more string) string {
	t.Helper()
	values, err := chartutil.ReadValues([]byte(more))
	require.NoError(t, err)
	smallest, err := chartutil.ReadValues([]byte(valuesFile(t, "smallest")))
	require.NoError(t, err)
	out, err := chartutil.Values(chartutil.CoalesceTables(values, smallest)).YAML()
	require.NoError(t, err)
	return out
}

// A misspelt key and a value of another type are refused wherever they stand.
func TestTheSchemaKnowsEachValue(t *testing.T) {
	walk("", defaults(t), func(at string, value any) {
		refused := func(at string, value any) {
			_, err := render("grpcsse", with(t, at, value))
			assert.ErrorContains(t, err, "values don't meet the specifications", "%s: %v", at, value)
		}
		refused(at+"Misspelt", value)
		switch value.(type) {
		case map[string]any:
			refused(at, "text")
		case []any:
			refused(at, map[string]any{"name": "x"})
		case string:
			refused(at, 1)
		default:
			refused(at, "text")
		}
	})
}

// Numbers, names and words beyond what Kubernetes takes are refused.
func TestTheSchemaKnowsWhatAValueMayBe(t *testing.T) {
	for at, wrong := range map[string][]any{
		"drainSeconds":                      {0, -1, 3601, 1.5},
		"preStopSeconds":                    {0, 301},
		"replicas":                          {0, 1.5},
		"minReadySeconds":                   {-1},
		"cluster.name":                      {"a b", "a.b", strings.Repeat("x", 33)},
		"cluster.servers":                   {[]any{"nats:4222"}, []any{"nats://user:password@nats:4222"}, []any{1}},
		"cluster.secret.key":                {"", "a/b"},
		"cluster.credentials.key":           {"", ".. /"},
		"cluster.ca.key":                    {"", "a b"},
		"image.repository":                  {""},
		"image.pullPolicy":                  {"Sometimes", ""},
		"service.type":                      {"ExternalName"},
		"service.port":                      {0, 65536, "http"},
		"httpRoute.path":                    {"events", ""},
		"ingress.path":                      {"events", ""},
		"autoscaling.minReplicas":           {0},
		"autoscaling.maxReplicas":           {0},
		"autoscaling.streamsPerReplica":     {0},
		"autoscaling.scaleDownAfterSeconds": {-1, 3601},
		"podDisruptionBudget.maxUnavailable": {
			0, "0%", "00%", "0", "half", "-1%", "101%",
		},
		"serviceMonitor.interval":           {"", "30", "often"},
		"networkPolicy.monitoringNamespace": {""},
		"podLabels":                         {map[string]any{"tier": 1}},
		"env":                               {[]any{map[string]any{"value": "x"}}},
		"volumes":                           {[]any{map[string]any{"secret": map[string]any{}}}},
		"volumeMounts":                      {[]any{map[string]any{"name": "x"}}},
	} {
		for _, value := range wrong {
			_, err := render("grpcsse", with(t, at, value))
			assert.ErrorContains(t, err, "values don't meet the specifications", "%s: %v", at, value)
		}
	}
}

// values.yaml and values.schema.json have the same keys.
func TestTheSchemaAndTheDefaultsHaveTheSameKeys(t *testing.T) {
	type schema struct {
		Properties map[string]json.RawMessage
	}
	content, err := os.ReadFile("../values.schema.json")
	require.NoError(t, err)
	found := map[string]bool{}
	var read func(at string, content []byte)
	read = func(at string, content []byte) {
		var s schema
		require.NoError(t, json.Unmarshal(content, &s))
		for key, inner := range s.Properties {
			path := strings.TrimPrefix(at+"."+key, ".")
			found[path] = true
			read(path, inner)
		}
	}
	read("", content)
	delete(found, "global") // Helm's own
	wanted := map[string]bool{}
	walk("", defaults(t), func(at string, _ any) { wanted[at] = true })
	assert.Equal(t, wanted, found)
}
