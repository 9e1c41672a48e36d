// Package compose_test starts what the compose file describes as programs on this machine.
package compose_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

func TestMain(m *testing.M) { local.Main(m) }

// file is what the compose file may have. The names are those of the Compose Specification.
type file struct {
	Services map[string]service `json:"services"`
	Secrets  map[string]struct {
		File string `json:"file"`
	} `json:"secrets"`
}

type service struct {
	Image string `json:"image"`
	Build *struct {
		Context    string `json:"context"`
		Dockerfile string `json:"dockerfile"`
	} `json:"build,omitempty"`
	Command         []string `json:"command,omitempty"`
	Volumes         []string `json:"volumes,omitempty"`
	Secrets         []string `json:"secrets,omitempty"`
	Ports           []string `json:"ports,omitempty"`
	DependsOn       []string `json:"depends_on,omitempty"`
	StopGracePeriod string   `json:"stop_grace_period,omitempty"`
	Restart         string   `json:"restart,omitempty"`
}

// read returns the compose file. A key that it may not have fails the test.
func read(t *testing.T) file {
	t.Helper()
	var f file
	require.NoError(t, yaml.UnmarshalStrict([]byte(content(t, "compose.yaml")), &f))
	return f
}

func content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// Files, secrets and other services that the file names are there, and the names in the configurations are services.
func TestTheFileFitsTogether(t *testing.T) {
	f := read(t)
	for name, s := range f.Services {
		for _, v := range s.Volumes {
			assert.FileExists(t, strings.Split(v, ":")[0], name)
		}
		if s.Build != nil {
			assert.FileExists(t, filepath.Join(s.Build.Context, s.Build.Dockerfile), name)
		}
		for _, other := range s.DependsOn {
			assert.Contains(t, f.Services, other, name)
		}
		for _, secret := range s.Secrets {
			assert.Contains(t, f.Secrets, secret, name)
			assert.Contains(t, content(t, "grpcsse.yaml"), "/run/secrets/"+secret, "where a container finds the secret")
		}
	}
	assert.Equal(t, f.Services["one"], f.Services["other"])
	assert.Contains(t, content(t, ".gitignore"), f.Secrets["cluster.key"].File, "the secret gets into no commit")
}

// The commands and files of the services, with addresses of this machine: two pages behind nginx get each event once while each
// bridge is killed in turn. The bridge that is left has what its page needs.
func TestTheServicesShare(t *testing.T) {
	f := read(t)
	nats := local.StartNATS(t, f.Services["nats"].Command...)
	grpc := startDemo(t, f.Services["upstream"])
	bridges := map[string]string{"one:8080": "", "other:8080": ""}
	var running []*local.Bridge
	for name := range bridges {
		b := bridge(t, nats, grpc)
		b.Start(t)
		bridges[name], running = b.Address, append(running, b)
	}
	base := startNginx(t, bridges)
	pages := []*local.Page{local.Open(t, base+"/tape", nil), local.Open(t, base+"/tape", nil)}
	steady(t, pages)
	for _, b := range running {
		require.Eventually(t, func() bool { return strings.Contains(b.Output(), "the cluster can be used") }, local.Soon, 5*time.Millisecond)
	}
	for _, b := range running {
		b.End(syscall.SIGKILL)
		steady(t, pages)
		b.Start(t)
		steady(t, pages)
	}
	for _, page := range pages {
		seen := page.Seen()
		assert.Zero(t, seen.Resets)
		assert.Empty(t, seen.Dead)
		for i := range seen.IDs {
			require.Equal(t, number(t, seen.IDs[0])+i, number(t, seen.IDs[i]), "the events of a page, after its first one")
		}
	}
}

// startDemo starts the gRPC server of the demo by the command of the service, and returns its address.
func startDemo(t *testing.T, s service) (address string) {
	t.Helper()
	address = local.FreeAddress(t)
	args := append([]string(nil), s.Command...)
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "0.0.0.0:50051", address)
	}
	require.Contains(t, args, address)
	page := local.FreeAddress(t)
	local.Start(t, local.Program(), append(args, "--listen", page)...)
	local.Await(t, "http://"+page)
	return address
}

// bridge returns a bridge with the file of the services.
func bridge(t *testing.T, nats, grpc string) *local.Bridge {
	t.Helper()
	b := &local.Bridge{Address: local.FreeAddress(t), Health: local.FreeAddress(t)}
	text := content(t, "grpcsse.yaml")
	for of, actual := range map[string]string{
		"dns:///upstream:50051": grpc, "nats://nats:4222": "nats://" + nats, `listen: ":8080"`: `health: "` + b.Health + `"`,
		"/run/secrets/cluster.key": local.File(t, "cluster.key", strings.Repeat("0123456789abcdef", 4)),
		`["172.16.0.0/12"]`:        `["127.0.0.1"]`,
	} {
		require.Equal(t, 1, strings.Count(text, of), "%q in grpcsse.yaml", of)
		text = strings.Replace(text, of, actual, 1)
	}
	b.File = local.File(t, "grpcsse.yaml", text)
	return b
}

// startNginx starts nginx with the file of the services, and returns its URL.
func startNginx(t *testing.T, bridges map[string]string) (base string) {
	t.Helper()
	program, address, dir := local.Find(t, "nginx", "nginx-light"), local.FreeAddress(t), t.TempDir()
	text := content(t, "nginx.conf")
	instead := map[string]string{"listen 80;": "listen " + address + ";"}
	for name, at := range bridges {
		instead["server "+name+" "] = "server " + at + " "
	}
	for of, actual := range instead {
		require.Equal(t, 1, strings.Count(text, of), "%q in nginx.conf", of)
		text = strings.Replace(text, of, actual, 1)
	}
	var paths strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	whole := local.File(t, "nginx.conf", fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/nginx.pid;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n",
		dir, &paths, text))
	local.Start(t, program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", whole)
	local.AwaitAnswer(t, "http://"+address)
	return "http://" + address
}

// steady waits until each page has some events more.
func steady(t *testing.T, pages []*local.Page) {
	t.Helper()
	for _, page := range pages {
		before := len(page.Seen().IDs)
		require.Eventually(t, func() bool {
			return page.Seen().Dead != "" || len(page.Seen().IDs) >= before+10
		}, local.Soon, 5*time.Millisecond)
		require.Empty(t, page.Seen().Dead, "the page gave up")
	}
}

func number(t *testing.T, id string) (n int) {
	t.Helper()
	_, err := fmt.Sscan(id, &n)
	require.NoError(t, err)
	return n
}
