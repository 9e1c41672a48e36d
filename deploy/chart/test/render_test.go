// Package test renders the chart, and decodes what comes out as Kubernetes would.
package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// serviceMonitor is the part of the Prometheus Operator's type that the chart uses.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// kinds are the types of what the chart may contain.
func kinds() map[string]func() any {
	return map[string]func() any{
		"v1 ConfigMap":      func() any { return new(corev1.ConfigMap) },
		"v1 Service":        func() any { return new(corev1.Service) },
		"v1 ServiceAccount": func() any { return new(corev1.ServiceAccount) },
		"apps/v1 Deployment": func() any {
			return new(appsv1.Deployment)
		},
		"autoscaling/v2 HorizontalPodAutoscaler": func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
		"networking.k8s.io/v1 Ingress":           func() any { return new(networkingv1.Ingress) },
		"networking.k8s.io/v1 NetworkPolicy":     func() any { return new(networkingv1.NetworkPolicy) },
		"policy/v1 PodDisruptionBudget":          func() any { return new(policyv1.PodDisruptionBudget) },
		"gateway.networking.k8s.io/v1 HTTPRoute": func() any { return new(gatewayv1.HTTPRoute) },
		"monitoring.coreos.com/v1 ServiceMonitor": func() any {
			return new(serviceMonitor)
		},
	}
}

// render renders the chart as `helm template RELEASE deploy/chart --values FILE` does.
func render(release, values string) (text string, err error) {
	chart, err := loader.LoadDir("..")
	if err != nil {
		return "", err
	}
	content, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return "", err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.35.0", Major: "1", Minor: "35"}
	options := chartutil.ReleaseOptions{Name: release, Namespace: "web", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, content, options, capabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return "", err
	}
	var names []string
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(text) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		out.WriteString("---\n# " + filepath.Base(name) + "\n" + strings.TrimLeft(files[name], "\n"))
	}
	return out.String(), nil
}

// valuesFile returns one of the files of values.
func valuesFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	require.NoError(t, err)
	return string(content)
}

// decode returns the objects of a rendered chart. A field that a type does not have fails the test.
func decode(t *testing.T, text string) (objects []any) {
	t.Helper()
	known := kinds()
	for _, document := range strings.Split(text, "---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		var kind metav1.TypeMeta
		require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
		object := known[kind.APIVersion+" "+kind.Kind]
		require.NotNil(t, object, "%s %s:\n%s", kind.APIVersion, kind.Kind, document)
		decoded := object()
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), decoded), "%s:\n%s", kind.Kind, document)
		objects = append(objects, decoded)
	}
	return objects
}

// typeName returns the type of an object.
func typeName(object any) string { return fmt.Sprintf("%T", object) }

// the returns the first object of a type.
func the[T any](t *testing.T, objects []any) *T {
	t.Helper()
	for _, object := range objects {
		if found, ok := object.(*T); ok {
			return found
		}
	}
	require.FailNow(t, "the chart has no such object", "%T", new(T))
	return nil
}
