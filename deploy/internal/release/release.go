// Package release builds what a release consists of: archives with static binaries, deb and rpm packages, checksums, and the
// changelog's section.
package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/grpcsse/grpcsse/deploy/internal/build"
)

// Release says what to build.
type Release struct {
	Root      string           // a clone of the repository, absolute
	Out       string           // the folder for the files, absolute; it must not exist, or be empty
	Platforms []build.Platform // those of Platforms, or some of them
	// Snapshot allows a commit without a tag and files that are not committed. The release then has the changelog's section
	// [Unreleased].
	Snapshot bool
}

// Make builds all files of a release, and returns its version.
func (r Release) Make(ctx context.Context) (built string, err error) {
	if err := r.prepare(); err != nil {
		return "", err
	}
	at, err := r.committed(ctx)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "grpcsse-release-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	for _, p := range r.Platforms {
		binary := filepath.Join(work, p.OS+"-"+p.Arch, "grpcsse")
		if err := build.Program(ctx, r.Root, p, binary); err != nil {
			return "", err
		}
		if built, err = build.Version(ctx, binary); err != nil {
			return "", err
		}
		if err := r.checkVersion(built); err != nil {
			return "", err
		}
		if err := r.writeFiles(binary, built, p, at); err != nil {
			return "", err
		}
	}
	if err := r.writeNotes(built); err != nil {
		return "", err
	}
	if err := writeChart(r.Root, built, at, r.Out); err != nil {
		return "", err
	}
	return built, writeChecksums(r.Out)
}

// checkVersion returns an error unless a release may have the version.
func (r Release) checkVersion(built string) error {
	switch {
	case !semver.IsValid(built):
		return fmt.Errorf("the binary has the version %q: Go reads the version from the clone's tags and commits", built)
	case !r.Snapshot && !IsRelease(built):
		return fmt.Errorf("the commit gives the version %s: a release is built from a commit with a tag such as v1.2.3, without "+
			"changes (-snapshot builds what is there)", built)
	}
	return nil
}

// IsRelease reports whether a binary was built from a commit with a tag. Go gives other commits a version with their time, and adds
// +dirty where files are not committed.
func IsRelease(version string) bool {
	return semver.IsValid(version) && semver.Build(version) == "" && !module.IsPseudoVersion(version)
}

// prepare makes the folder for the files. It refuses a clone in which the work would be in vain.
func (r Release) prepare() error {
	if info, err := os.Stat(filepath.Join(r.Root, ".git")); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is no clone with a folder .git: Go reads the version from there, and gives a git worktree none", r.Root)
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return err
	}
	names, err := os.ReadDir(r.Out)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s is not empty: remove it, or choose another folder with --out", r.Out)
	}
	return err
}

// committed returns the time of the newest commit. It is the time of all files in archives and packages.
func (r Release) committed(ctx context.Context) (time.Time, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", r.Root, "log", "-1", "--format=%cI").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the newest commit: %w", err)
	}
	return time.Parse(time.RFC3339, strings.TrimSpace(string(out)))
}

// writeFiles writes the archive of a binary and, for Linux, its packages.
func (r Release) writeFiles(binary, built string, p build.Platform, at time.Time) error {
	name := fmt.Sprintf("grpcsse_%s_%s_%s", strings.TrimPrefix(built, "v"), p.OS, p.Arch)
	entries := []entry{{name + "/grpcsse", binary, 0o755}}
	for _, page := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		entries = append(entries, entry{name + "/" + page, filepath.Join(r.Root, page), 0o644})
	}
	if err := writeArchive(filepath.Join(r.Out, name+".tar.gz"), at, entries); err != nil {
		return err
	}
	if p.OS != "linux" {
		return nil
	}
	return writePackages(r.Root, binary, built, p, at, r.Out)
}

// writeNotes writes the changelog's section.
func (r Release) writeNotes(built string) error {
	changelog, err := os.ReadFile(filepath.Join(r.Root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	if r.Snapshot {
		built = "Unreleased"
	}
	notes, err := Notes(string(changelog), built)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Out, "release-notes.md"), []byte(notes), 0o644)
}
