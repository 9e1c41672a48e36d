package release

import (
	"fmt"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// writeChart writes the Helm chart with the version of the release.
func writeChart(root, version, dir string) error {
	chart, err := loader.LoadDir(filepath.Join(root, "deploy/chart"))
	if err != nil {
		return fmt.Errorf("deploy/chart: %w", err)
	}
	chart.Metadata.Version = strings.TrimPrefix(version, "v")
	chart.Metadata.AppVersion = chart.Metadata.Version
	if _, err := chartutil.Save(chart, dir); err != nil {
		return fmt.Errorf("pack the chart: %w", err)
	}
	return nil
}
