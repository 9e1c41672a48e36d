package test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcsse/grpcsse/bridge/config"
)

var update = flag.Bool("update", false, "write the golden files")

// files are the files of values that the chart is rendered with.
func files() []string { return []string{"smallest", "everything", "nothing"} }

// What the chart renders is what is committed, so that a change of it is seen in review.
func TestTheChartRendersWhatIsCommitted(t *testing.T) {
	for _, name := range files() {
		t.Run(name, func(t *testing.T) {
			text, err := render("grpcsse", valuesFile(t, name))
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(text), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), text, "go -C deploy test ./chart/test -update writes the file anew")
		})
	}
}

// helm lint has nothing to say but that there is no icon.
func TestHelmLint(t *testing.T) {
	for _, name := range append(files(), "") {
		values := map[string]any{}
		if name != "" {
			var err error
			values, err = chartutil.ReadValues([]byte(valuesFile(t, name)))
			require.NoError(t, err)
		}
		for _, message := range lint.All("..", values, "web", true).Messages {
			assert.LessOrEqual(t, message.Severity, support.InfoSev, "%s: %s", name, message.Error())
		}
	}
}

// Each field of each object is one that Kubernetes, the Gateway API or the Prometheus Operator has.
func TestEachObjectIsOneOfItsType(t *testing.T) {
	met := map[string]bool{}
	for _, name := range files() {
		text, err := render("grpcsse", valuesFile(t, name))
		require.NoError(t, err)
		for _, object := range decode(t, text) {
			met[typeName(object)] = true
		}
	}
	assert.Len(t, met, len(kinds()), "the kinds that the files of values bring about: %v", met)
}

// The chart and the program have one version, which a release sets.
func TestTheChartHasTheVersionOfTheProgram(t *testing.T) {
	chart, err := loader.LoadDir("..")
	require.NoError(t, err)
	assert.Equal(t, chart.Metadata.Version, chart.Metadata.AppVersion)
}

// The pods have the time that a drain needs, and are replaced one by one.
func TestAPodEndsInGoodOrder(t *testing.T) {
	for _, name := range files() {
		text, err := render("grpcsse", valuesFile(t, name))
		require.NoError(t, err)
		objects := decode(t, text)
		deployment := the[appsv1.Deployment](t, objects)
		cfg := configuration(t, objects)
		pod := deployment.Spec.Template.Spec
		sleep := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
		grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
		assert.Equal(t, cfg.Server.DrainTimeout+sleep+15*time.Second, grace, name)
		assert.Positive(t, sleep, name)
		assert.Zero(t, deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(), name)
		assert.EqualValues(t, 30, deployment.Spec.MinReadySeconds, name)
	}
}

// configuration returns the configuration file of a rendered chart, as the bridge loads it.
func configuration(t *testing.T, objects []any) *config.Config {
	t.Helper()
	text := fileOf(t, objects)
	environment := func(name string) (string, bool) { return name, true }
	cfg, err := config.Parse("grpcsse.yaml", []byte(text), config.WithEnv(environment))
	require.NoError(t, err, text)
	return cfg
}

// The configuration of the values reaches the bridge as it is, large numbers too.
func TestTheConfigurationReachesTheBridge(t *testing.T) {
	text, err := render("grpcsse", valuesFile(t, "everything"))
	require.NoError(t, err)
	cfg := configuration(t, decode(t, text))
	assert.Equal(t, ":8080", cfg.Server.Listen)
	assert.Equal(t, time.Minute, cfg.Server.DrainTimeout)
	assert.EqualValues(t, 1500000, cfg.Server.Streams)
	require.Len(t, cfg.Routes, 1)
	assert.EqualValues(t, 1000000, cfg.Routes[0].Share.Replay.Events)
}

// Ports, names and labels of the objects fit together.
func TestTheObjectsFindEachOther(t *testing.T) {
	for _, release := range []string{"grpcsse", "edge", "a-very-long-name-of-a-release-that-has-more-than-forty-chars"} {
		text, err := render(release, valuesFile(t, "everything"))
		require.NoError(t, err)
		objects := decode(t, text)
		deployment := the[appsv1.Deployment](t, objects)
		labels := deployment.Spec.Template.Labels
		service := the[corev1.Service](t, objects)
		monitor := the[serviceMonitor](t, objects)
		assert.LessOrEqual(t, len(service.Name), 63)

		ports := map[string]int32{}
		for _, port := range deployment.Spec.Template.Spec.Containers[0].Ports {
			ports[port.Name] = port.ContainerPort
		}
		assert.Equal(t, map[string]int32{"http": 8080, "health": 8081}, ports)
		assert.Subset(t, labels, service.Spec.Selector)
		assert.Subset(t, labels, deployment.Spec.Selector.MatchLabels)
		assert.Subset(t, labels, the[policyv1.PodDisruptionBudget](t, objects).Spec.Selector.MatchLabels)
		assert.Subset(t, labels, the[networkingv1.NetworkPolicy](t, objects).Spec.PodSelector.MatchLabels)
		for _, port := range service.Spec.Ports {
			assert.NotEqual(t, "health", port.TargetPort.StrVal, "health and metrics are not public")
		}
		monitored := 0
		for _, object := range objects {
			if other, ok := object.(*corev1.Service); ok && subset(other.Labels, monitor.Spec.Selector.MatchLabels) {
				monitored++
				assert.Subset(t, labels, other.Spec.Selector)
				assert.Equal(t, monitor.Spec.Endpoints[0].Port, other.Spec.Ports[0].Name)
			}
		}
		assert.Equal(t, 1, monitored, "services that Prometheus asks")
		route := the[gatewayv1.HTTPRoute](t, objects)
		backend := route.Spec.Rules[0].BackendRefs[0]
		assert.EqualValues(t, service.Name, backend.Name)
		assert.EqualValues(t, service.Spec.Ports[0].Port, *backend.Port)
		assert.EqualValues(t, "0s", *route.Spec.Rules[0].Timeouts.Request)
		ingress := the[networkingv1.Ingress](t, objects).Spec.Rules[0].HTTP.Paths[0].Backend.Service
		assert.Equal(t, service.Name, ingress.Name)
		assert.Equal(t, deployment.Name, the[autoscalingv2.HorizontalPodAutoscaler](t, objects).Spec.ScaleTargetRef.Name)
		assert.Nil(t, deployment.Spec.Replicas, "the autoscaler decides")
	}
}

// subset reports whether labels have all wanted ones.
func subset(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// A mistake in the values is found before anything is installed.
func TestMistakesInTheValues(t *testing.T) {
	for name, tt := range map[string]struct{ values, want string }{
		"nothing":                 {"", "config.upstreams is missing"},
		"a misspelt key":          {"replica: 3", "replica"},
		"a misspelt inner key":    {"image: {name: x}", "name"},
		"a wrong type":            {"replicas: three", "replicas"},
		"an address in config":    {"config: {server: {listen: ':80'}}", "set service.port instead"},
		"a drain in config":       {"config: {server: {drain_timeout: 5s}}", "set drainSeconds instead"},
		"a route without gateway": {"httpRoute: {enabled: true}", "parentRefs"},
		"an ingress without host": {"ingress: {enabled: true}", "host"},
		"an impossible scale":     {"autoscaling: {enabled: true, minReplicas: 5, maxReplicas: 2}", "minReplicas is greater"},

		"a cluster without a name":     {"cluster: {enabled: true, servers: ['nats://n'], secret: {name: s}}", "name"},
		"a cluster without servers":    {"cluster: {enabled: true, name: prod, secret: {name: s}}", "servers"},
		"a cluster without a secret":   {"cluster: {enabled: true, name: prod, servers: ['nats://n']}", "secret"},
		"the name of a cluster, twice": {inCluster("{name: other}"), "set cluster.name instead"},
		"its secret, twice":            {inCluster("{secret_file: x}"), "set cluster.secret instead"},
		"its servers, twice":           {inCluster("{nats: {servers: ['nats://other']}}"), "set cluster.servers instead"},
	} {
		t.Run(name, func(t *testing.T) {
			values := tt.values
			if name != "nothing" {
				values = merged(t, values)
			}
			_, err := render("grpcsse", values)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
