package release_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/deploy/internal/build"
	"github.com/grpcsse/grpcsse/deploy/internal/local"
	"github.com/grpcsse/grpcsse/deploy/internal/release"
)

func TestMain(m *testing.M) { local.Main(m) }

// here is the platform of this machine.
var here = build.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}

// tagged returns a clone of this repository in which the newest commit has a tag. The changelog has a section of its name.
func tagged(t *testing.T, tag string) (root string) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "clone")
	run(t, ".", "git", "clone", "--quiet", "--no-local", "--depth=1", "file://"+repository(t), root)
	page := filepath.Join(root, "CHANGELOG.md")
	changelog, err := os.ReadFile(page)
	require.NoError(t, err)
	section := "\n## [" + strings.TrimPrefix(tag, "v") + "] - 2026-01-02\n\n- this is new\n"
	extended := strings.Replace(string(changelog), "\n## [", section+"\n## [", 1)
	require.NoError(t, os.WriteFile(page, []byte(extended), 0o600))
	run(t, root, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-am", "release")
	run(t, root, "git", "tag", tag)
	return root
}

// repository returns the root of this repository.
func repository(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", "git", "rev-parse", "--show-toplevel"))
}

// run runs a program, and returns what it wrote.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// A release of a commit with a tag has that version in its names, in its binaries and in its packages.
func TestARelease(t *testing.T) {
	t.Parallel()
	root, out := tagged(t, "v1.98.7"), filepath.Join(t.TempDir(), "dist")
	version, err := release.Release{Root: root, Out: out, Platforms: []build.Platform{here}}.Make(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "v1.98.7", version)

	name := "grpcsse_1.98.7_" + here.OS + "_" + here.Arch
	unpacked := unpack(t, filepath.Join(out, name+".tar.gz"))
	for _, page := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		assert.FileExists(t, filepath.Join(unpacked, name, page))
	}
	binary := filepath.Join(unpacked, name, "grpcsse")
	assert.Contains(t, run(t, unpacked, binary, "version"), "grpcsse v1.98.7 go")
	assert.Equal(t, "v1.98.7", must(build.Version(t.Context(), binary)))

	checkFiles(t, out)
	notes, err := os.ReadFile(filepath.Join(out, "release-notes.md"))
	require.NoError(t, err)
	assert.Equal(t, "- this is new\n", string(notes))

	t.Run("chart", func(t *testing.T) {
		chart := filepath.Join(unpack(t, filepath.Join(out, "grpcsse-1.98.7.tgz")), "grpcsse")
		text, err := os.ReadFile(filepath.Join(chart, "Chart.yaml"))
		require.NoError(t, err)
		assert.Contains(t, string(text), "appVersion: 1.98.7")
		assert.FileExists(t, filepath.Join(chart, "values.schema.json"))
		assert.NoDirExists(t, filepath.Join(chart, "test"))
	})
	t.Run("deb", func(t *testing.T) { checkDeb(t, out) })
	t.Run("rpm", func(t *testing.T) { checkRPM(t, out) })
	t.Run("the same bytes again", func(t *testing.T) {
		clone, again := filepath.Join(t.TempDir(), "elsewhere"), filepath.Join(t.TempDir(), "dist")
		run(t, ".", "git", "clone", "--quiet", "file://"+root, clone)
		_, err := release.Release{Root: clone, Out: again, Platforms: []build.Platform{here}}.Make(t.Context())
		require.NoError(t, err)
		first, err := os.ReadFile(filepath.Join(out, "checksums.txt"))
		require.NoError(t, err)
		second, err := os.ReadFile(filepath.Join(again, "checksums.txt"))
		require.NoError(t, err)
		assert.Equal(t, string(first), string(second))
	})
	t.Run("not into a folder with files", func(t *testing.T) {
		_, err := release.Release{Root: root, Out: out, Platforms: []build.Platform{here}}.Make(t.Context())
		require.ErrorContains(t, err, "is not empty")
	})
}

// checkFiles fails unless a release for this platform consists of the files that it should, each with its checksum.
func checkFiles(t *testing.T, out string) {
	t.Helper()
	want := []string{"grpcsse_1.98.7_" + here.OS + "_" + here.Arch + ".tar.gz", "grpcsse-1.98.7.tgz", "release-notes.md"}
	if here.OS == "linux" {
		want = append(want, "grpcsse_1.98.7_"+here.Arch+".deb", "grpcsse-1.98.7-1."+rpmArchitecture()+".rpm")
	}
	var files, summed []string
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	for _, entry := range entries {
		files = append(files, entry.Name())
	}
	assert.ElementsMatch(t, append(want, "checksums.txt"), files)

	run(t, out, "sha256sum", "--check", "--strict", "checksums.txt")
	checksums, err := os.ReadFile(filepath.Join(out, "checksums.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(checksums)) {
		summed = append(summed, strings.Fields(line)[1])
	}
	assert.ElementsMatch(t, want, summed)
}

// rpmArchitecture returns the name that rpm packages have for the processor of this machine.
func rpmArchitecture() string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[here.Arch]
}

// must returns a value that has no error.
func must(value string, err error) string {
	if err != nil {
		return err.Error()
	}
	return value
}

// checkDeb unpacks the deb package, and runs its binary with its configuration file.
func checkDeb(t *testing.T, out string) {
	dpkg := local.Find(t, "dpkg-deb", "dpkg")
	file := filepath.Join(out, "grpcsse_1.98.7_"+here.Arch+".deb")
	dir := t.TempDir()
	run(t, dir, dpkg, "--extract", file, dir)
	run(t, dir, dpkg, "--control", file, filepath.Join(dir, "DEBIAN"))
	assert.Contains(t, run(t, dir, filepath.Join(dir, "usr/bin/grpcsse"), "version"), "grpcsse v1.98.7 go")
	assert.Equal(t, "1.98.7\n", run(t, dir, dpkg, "--field", file, "Version"))
	for _, name := range []string{"grpcsse.service", "grpcsse.socket"} {
		packed, err := os.ReadFile(filepath.Join(dir, "usr/lib/systemd/system", name))
		require.NoError(t, err)
		own, err := os.ReadFile(filepath.Join("../../systemd", name))
		require.NoError(t, err)
		assert.Equal(t, string(own), string(packed))
	}
	settings := filepath.Join(dir, "etc/grpcsse/grpcsse.yaml")
	run(t, dir, filepath.Join(dir, "usr/bin/grpcsse"), "check", "--offline", settings)
	cfg, err := config.Load(settings)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", cfg.Server.Listen, "an installation opens no port to the world")
	conffiles, err := os.ReadFile(filepath.Join(dir, "DEBIAN/conffiles"))
	require.NoError(t, err)
	assert.Equal(t, "/etc/grpcsse/grpcsse.yaml", strings.TrimSpace(string(conffiles)), "an update keeps the user's file")
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		run(t, dir, "sh", "-n", filepath.Join(dir, "DEBIAN", script))
	}
}

// checkRPM looks for what an rpm package begins with. No rpm is needed for that.
func checkRPM(t *testing.T, out string) {
	content, err := os.ReadFile(filepath.Join(out, "grpcsse-1.98.7-1."+rpmArchitecture()+".rpm"))
	require.NoError(t, err)
	assert.Equal(t, "\xed\xab\xee\xdb", string(content[:4]), "the magic number of an rpm package")
	for _, name := range []string{"grpcsse.service", "grpcsse.socket", "grpcsse.yaml"} {
		assert.Contains(t, string(content), name)
	}
}

// A commit without a tag is no release, unless a snapshot is wanted.
func TestACommitWithoutATagIsNoRelease(t *testing.T) {
	t.Parallel()
	root := tagged(t, "not-a-version")
	r := release.Release{Root: root, Out: filepath.Join(t.TempDir(), "dist"), Platforms: []build.Platform{here}}
	_, err := r.Make(t.Context())
	require.ErrorContains(t, err, "a tag such as v1.2.3")
}

// Go gives a binary from a worktree no version, so there is none for the names of the files.
func TestAWorktreeGivesNoVersion(t *testing.T) {
	t.Parallel()
	root, worktree := tagged(t, "v1.2.3"), filepath.Join(t.TempDir(), "worktree")
	run(t, root, "git", "worktree", "add", "--quiet", worktree)
	for _, snapshot := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "dist")
		r := release.Release{Root: worktree, Out: out, Platforms: []build.Platform{here}, Snapshot: snapshot}
		_, err := r.Make(t.Context())
		require.ErrorContains(t, err, "worktree")
		assert.NoDirExists(t, out)
	}
}

func TestIsRelease(t *testing.T) {
	for version, want := range map[string]bool{
		"v1.2.3": true, "v1.2.3-rc.1": true, "v1.2.3+dirty": false, "1.2.3": false, "(devel)": false, "": false,
		"v0.0.0-20261127060000-0123456789ab": false, "v1.2.4-0.20261127060000-0123456789ab+dirty": false,
	} {
		assert.Equal(t, want, release.IsRelease(version), version)
	}
}

func TestNotes(t *testing.T) {
	const changelog = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.3] - 2026-01-02\n\n### Added\n\n- this\n\n" +
		"## [1.2.30] - 2025-01-01\n\n- other\n\n[1.2.3]: https://example.com\n"
	for version, want := range map[string]string{"v1.2.3": "### Added\n\n- this\n", "v1.2.30": "- other\n", "Unreleased": "- new\n"} {
		notes, err := release.Notes(changelog, version)
		require.NoError(t, err)
		assert.Equal(t, want, notes)
	}
	for _, version := range []string{"v1.2", "v2.0.0", ""} {
		_, err := release.Notes(changelog, version)
		require.ErrorContains(t, err, "no section", version)
	}
}

// unpack unpacks a .tar.gz into a folder of its own.
func unpack(t *testing.T, file string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	opened, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	unzipped, err := gzip.NewReader(opened)
	require.NoError(t, err)
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(header.Name))
		target := filepath.Join(dir, header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o700))
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(target, content, os.FileMode(header.Mode)))
	}
}
