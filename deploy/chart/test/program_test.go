package test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

func TestMain(m *testing.M) { local.Main(m) }

// The command of the container runs with the configuration of the ConfigMap. It answers what the probes, Prometheus and the autoscaler
// ask for, on the port that they ask.
func TestTheProgramAnswersWhatTheChartAsks(t *testing.T) {
	for _, name := range []string{"smallest", "everything"} {
		t.Run(name, func(t *testing.T) {
			text, err := render("grpcsse", valuesFile(t, name))
			require.NoError(t, err)
			objects := decode(t, text)
			container := the[appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0]
			public, health := local.FreeAddress(t), local.FreeAddress(t)
			p := startContainer(t, objects, public, health)
			for kind, probe := range map[string]*corev1.Probe{
				"startup": container.StartupProbe, "readiness": container.ReadinessProbe, "liveness": container.LivenessProbe,
			} {
				require.Equal(t, "health", probe.HTTPGet.Port.StrVal, kind)
				local.Await(t, "http://"+health+probe.HTTPGet.Path)
				status, _ := get(t, "http://"+public+probe.HTTPGet.Path)
				assert.Equal(t, http.StatusNotFound, status, "%s probe at the public port", kind)
			}
			if name == "everything" {
				path := the[serviceMonitor](t, objects).Spec.Endpoints[0].Path
				status, metrics := get(t, "http://"+health+path)
				assert.Equal(t, http.StatusOK, status)
				counted := the[autoscalingv2.HorizontalPodAutoscaler](t, objects).Spec.Metrics[0].Pods.Metric.Name
				assert.Contains(t, metrics, "# TYPE "+counted+" gauge\n"+counted+"{", "a pod without streams has the metric, too")
			}
			p.End(syscall.SIGTERM)
			assert.Zero(t, p.ExitCode())
		})
	}
}

// startContainer runs the command of the container with the file of the ConfigMap, in which the addresses are those of this test.
func startContainer(t *testing.T, objects []any, public, health string) *local.Process {
	t.Helper()
	text := fileOf(t, objects)
	for of, actual := range map[string]string{
		"listen: :8080\n": "listen: " + public + "\n", "health: :8081\n": "health: " + health + "\n",
		"dns:///market:50051": local.StartMarket(t).Address,
	} {
		require.Equal(t, 1, strings.Count(text, of), "%q in\n%s", of, text)
		text = strings.Replace(text, of, actual, 1)
	}
	file := local.File(t, "grpcsse.yaml", text)
	environment := append(os.Environ(), "MARKET_TOKEN=secret")
	check := exec.Command(local.Program(), "check", file)
	check.Env = environment
	out, err := check.CombinedOutput()
	require.NoError(t, err, "grpcsse check: %s", out)

	args := append([]string(nil), the[appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0].Args...)
	for i, arg := range args {
		if arg == "/etc/grpcsse/grpcsse.yaml" {
			args[i] = file
		}
	}
	require.Contains(t, args, file, "the command reads the file of the ConfigMap")
	return local.StartIn(t, environment, local.Program(), args...)
}

// get returns the status and the body of an answer.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(content)
}
