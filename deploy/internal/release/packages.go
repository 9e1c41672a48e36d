package release

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // the formats register themselves
	_ "github.com/goreleaser/nfpm/v2/rpm"

	"github.com/grpcsse/grpcsse/deploy/internal/build"
)

// writePackages writes a deb and an rpm package of a binary for Linux, as deploy/packages/nfpm.yaml describes them.
func writePackages(root, binary, version string, p build.Platform, at time.Time, dir string) error {
	text, err := os.ReadFile(filepath.Join(root, "deploy/packages/nfpm.yaml"))
	if err != nil {
		return err
	}
	values := map[string]string{"ROOT": root, "BINARY": binary, "VERSION": version, "ARCH": p.Arch}
	for _, format := range []string{"deb", "rpm"} {
		filled := os.Expand(string(text), func(name string) string { return values[name] })
		description, err := nfpm.Parse(strings.NewReader(filled))
		if err != nil {
			return fmt.Errorf("deploy/packages/nfpm.yaml: %w", err)
		}
		if err := writePackage(description, format, at, dir); err != nil {
			return fmt.Errorf("%s package for %s: %w", format, p, err)
		}
	}
	return nil
}

// writePackage writes one package. Its name is that which the format expects.
func writePackage(description nfpm.Config, format string, at time.Time, dir string) (err error) {
	info, err := description.Get(format)
	if err != nil {
		return err
	}
	info.MTime = at
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return packager.Package(info, file)
}
