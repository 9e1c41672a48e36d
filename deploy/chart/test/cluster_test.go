package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// fileOf returns the configuration file of a rendered chart. The folder of the cluster's files is one of this machine, which has
// what the container has there.
func fileOf(t *testing.T, objects []any) string {
	t.Helper()
	text := the[corev1.ConfigMap](t, objects).Data["grpcsse.yaml"]
	if at, dir := mounted(t, objects); at != "" {
		require.Contains(t, text, at+"/", "the configuration names files of the volume")
		text = strings.ReplaceAll(text, at+"/", dir+"/")
	}
	return text
}

// mounted returns where the container has the volume of the cluster, "" where there is none, and a folder with its files.
func mounted(t *testing.T, objects []any) (at, dir string) {
	t.Helper()
	pod := the[appsv1.Deployment](t, objects).Spec.Template.Spec
	for _, m := range pod.Containers[0].VolumeMounts {
		if m.Name == "cluster" {
			at = m.MountPath
			assert.True(t, m.ReadOnly)
		}
	}
	certificate, _, _ := local.Certificate(t)
	content, err := os.ReadFile(certificate)
	require.NoError(t, err)
	dir = t.TempDir()
	volumes := 0
	for _, v := range pod.Volumes {
		if v.Name != "cluster" {
			continue
		}
		volumes++
		for _, source := range v.Projected.Sources {
			for _, item := range source.Secret.Items {
				text := strings.Repeat("0123456789abcdef", 4)
				if item.Path == "ca.crt" {
					text = string(content)
				}
				require.NoError(t, os.WriteFile(filepath.Join(dir, item.Path), []byte(text), 0o600))
			}
		}
	}
	assert.Equal(t, at != "", volumes == 1, "a volume is mounted, and what is mounted is a volume")
	return at, dir
}

// inCluster returns values with a cluster, and with another section `cluster` of the configuration file.
func inCluster(section string) string {
	return `{cluster: {enabled: true, name: prod, servers: ["nats://nats:4222"], secret: {name: s}}, config: {cluster: ` + section + `}}`
}

// The section `cluster` of the bridge has what the values say, and its files are those of the Secrets.
func TestTheClusterReachesTheBridge(t *testing.T) {
	text, err := render("grpcsse", valuesFile(t, "everything"))
	require.NoError(t, err)
	objects := decode(t, text)
	c := configuration(t, objects).Server.Cluster
	require.NotNil(t, c)
	assert.Equal(t, "prod", c.Name)
	assert.Equal(t, []string{"nats://nats-0.nats:4222", "nats://nats-1.nats:4222"}, c.NATS.Servers)
	assert.Equal(t, 3*time.Second, c.Patience, "what config.cluster has beside")
	assert.True(t, c.Seal)
	for _, file := range []string{c.SecretFile, c.NATS.CredentialsFile, c.NATS.TLS.CAFile} {
		assert.FileExists(t, file)
	}
	var secrets []string
	for _, v := range the[appsv1.Deployment](t, objects).Spec.Template.Spec.Volumes {
		if v.Name == "cluster" {
			for _, source := range v.Projected.Sources {
				item := source.Secret.Items[0]
				secrets = append(secrets, fmt.Sprintf("%s/%s as %s", source.Secret.Name, item.Key, item.Path))
			}
		}
	}
	assert.Equal(t, []string{
		"grpcsse-cluster/secret as cluster.key", "grpcsse-nats/user.creds as nats.creds", "nats-ca/root.pem as ca.crt",
	}, secrets)
}

// Credentials and a certificate are the user's choice, and a section of the file that the chart has no part in stays as it is.
func TestAClusterNeedsNoMoreThanASecret(t *testing.T) {
	text, err := render("grpcsse", with(t, "cluster", map[string]any{
		"enabled": true, "name": "prod", "servers": []any{"tls://nats:4222"}, "secret": map[string]any{"name": "s"},
	}))
	require.NoError(t, err)
	c := configuration(t, decode(t, text)).Server.Cluster
	require.NotNil(t, c)
	assert.Empty(t, c.NATS.CredentialsFile)
	assert.Nil(t, c.NATS.TLS)

	key := local.File(t, "own.key", strings.Repeat("x", 32))
	own := map[string]any{"name": "own", "secret_file": key, "nats": map[string]any{"servers": []any{"nats://nats:4222"}}}
	text, err = render("grpcsse", with(t, "config.cluster", own))
	require.NoError(t, err)
	objects := decode(t, text)
	at, _ := mounted(t, objects)
	assert.Empty(t, at)
	assert.Equal(t, "own", configuration(t, objects).Server.Cluster.Name)
}

// A running bridge keeps its section `cluster`, so that another one replaces the pods.
func TestAnotherClusterReplacesThePods(t *testing.T) {
	sum := func(at string, value any) string {
		values := inCluster("{patience: 3s}")
		if at != "" {
			values = strings.Replace(values, at, fmt.Sprint(value), 1)
			require.Contains(t, values, value)
		}
		text, err := render("grpcsse", merged(t, values))
		require.NoError(t, err)
		found := the[appsv1.Deployment](t, decode(t, text)).Spec.Template.Annotations["checksum/cluster"]
		require.NotEmpty(t, found)
		return found
	}
	same := sum("", nil)
	assert.Equal(t, same, sum("", nil))
	for at, value := range map[string]string{"prod": "test", "nats:4222": "nats:4223", "name: s": "name: r", "3s": "4s"} {
		assert.NotEqual(t, same, sum(at, value), "%s: %s", at, value)
	}
	text, err := render("grpcsse", valuesFile(t, "smallest"))
	require.NoError(t, err)
	assert.Empty(t, the[appsv1.Deployment](t, decode(t, text)).Spec.Template.Annotations)
}

// The way to NATS is open: the policy says who may come to the pods, and nothing of where they may go.
func TestTheNetworkPolicyLeavesTheWayToNATSOpen(t *testing.T) {
	text, err := render("grpcsse", valuesFile(t, "everything"))
	require.NoError(t, err)
	policy := the[networkingv1.NetworkPolicy](t, decode(t, text))
	assert.Equal(t, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, policy.Spec.PolicyTypes)
}
