package app

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is `grpcsse version`.
type version struct{}

// Run implements the command.
func (version) Run(t *terminal) error {
	_, err := fmt.Fprintf(t.stdout, "%s %s %s %s/%s\n", programName, built(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// built returns the version of the module, or the commit where there is no version.
func built() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}
