package release

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// writeChart writes the Helm chart with the version and the time of the release.
func writeChart(root, version string, at time.Time, dir string) error {
	chart, err := loader.LoadDir(filepath.Join(root, "deploy/chart"))
	if err != nil {
		return fmt.Errorf("deploy/chart: %w", err)
	}
	chart.Metadata.Version = strings.TrimPrefix(version, "v")
	chart.Metadata.AppVersion = chart.Metadata.Version
	file, err := chartutil.Save(chart, dir)
	if err == nil {
		err = setTimes(file, at) // Helm gives the files the time at which they are packed
	}
	if err != nil {
		return fmt.Errorf("pack the chart: %w", err)
	}
	return nil
}
