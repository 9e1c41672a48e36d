// Package build builds the program as releases have it.
package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Platform is what a binary is built for.
type Platform struct {
	OS, Arch string // as Go names them
}

// String returns the form that Go uses: linux/amd64.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// ParsePlatform reads the form that Go uses.
func ParsePlatform(text string) (Platform, error) {
	for _, p := range Platforms() {
		if p.String() == text {
			return p, nil
		}
	}
	return Platform{}, fmt.Errorf("there are no releases for %q; expected one of %v", text, Platforms())
}

// Platforms are those of a release.
func Platforms() []Platform {
	return []Platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}
}

// Program builds a static binary of the program from a clone of the repository. The binary has the version of the commit: of its tag,
// or of the time and the commit where there is no tag. The same commit gives the same bytes on each machine with the same version
// of Go.
func Program(ctx context.Context, root string, p Platform, file string) error {
	command := exec.CommandContext(ctx, "go", "build", "-C", root, "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", file,
		"./cmd/grpcsse")
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOFLAGS=", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build for %s: %w\n%s", p, err, out)
	}
	return nil
}

// Version returns the version that is in a binary, of whatever platform.
func Version(ctx context.Context, file string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "version", "-m", file).Output()
	if err != nil {
		return "", fmt.Errorf("read the version of %s: %w", file, err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "mod" {
			return fields[2], nil
		}
	}
	return "", fmt.Errorf("%s has no version", file)
}
