package image_test

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/image"
	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

const dockerfile = "../../Dockerfile"

func TestMain(m *testing.M) { local.Main(m) }

// The image of our Dockerfile has the program and the certificates and nothing else. It does not run as root, and its program serves
// from the unpacked layers alone.
func TestTheImage(t *testing.T) {
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	stage, err := image.Parse(string(text))
	require.NoError(t, err)

	binary := local.Program()
	requireStatic(t, binary)
	certificates := local.File(t, "ca-certificates.crt", "")
	assembled, err := image.Assemble(stage, map[string]string{
		"/grpcsse": binary, "/etc/ssl/certs/ca-certificates.crt": certificates,
	})
	require.NoError(t, err)
	// The file is one that `docker load` reads.
	saved := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, tarball.WriteToFile(saved, name.MustParseReference("grpcsse:test"), assembled))
	assembled, err = tarball.ImageFromPath(saved, nil)
	require.NoError(t, err)

	config, err := assembled.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "65532:65532", config.Config.User, "numbers, so that Kubernetes can see that the user is not root")
	assert.Contains(t, config.Config.ExposedPorts, "8080/tcp")

	root, names := unpack(t, assembled)
	assert.ElementsMatch(t, []string{"usr/bin/grpcsse", "etc/ssl/certs/ca-certificates.crt"}, names)
	serve(t, root, config.Config)
}

// requireStatic fails where a binary needs a loader or a library, which the image does not have.
func requireStatic(t *testing.T, file string) {
	t.Helper()
	binary, err := elf.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, binary.Close()) }()
	libraries, err := binary.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
	for _, segment := range binary.Progs {
		require.NotEqual(t, elf.PT_INTERP, segment.Type, "the binary needs a loader")
	}
}

// serve runs the command of an image, from its unpacked layers, with a configuration file in place of the mounted one.
func serve(t *testing.T, root string, config v1.Config) {
	address := local.FreeAddress(t)
	file := local.File(t, "grpcsse.yaml", `
server: {listen: "`+address+`", drain_timeout: 1s}
upstreams: {market: {target: "`+local.StartMarket(t).Address+`"}}
routes: [{path: /tape, rpc: demo.market.v1.MarketService/WatchTape}]
`)
	command := append(append([]string(nil), config.Entrypoint...), config.Cmd...)
	for i, word := range command {
		if word == "/etc/grpcsse/grpcsse.yaml" {
			command[i] = file
		}
	}
	require.Contains(t, command, file, "the command reads /etc/grpcsse/grpcsse.yaml")
	p := local.StartIn(t, nil, filepath.Join(root, command[0]), command[1:]...) // an image has no environment of this machine
	local.Await(t, "http://"+address+"/tape")
	p.End(syscall.SIGTERM)
	assert.Zero(t, p.ExitCode())
}

// unpack writes the files of an image into a folder, and returns their names.
func unpack(t *testing.T, assembled v1.Image) (root string, names []string) {
	t.Helper()
	root = t.TempDir()
	layers := mutate.Extract(assembled)
	defer func() { require.NoError(t, layers.Close()) }()
	for archive := tar.NewReader(layers); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return root, names
		}
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(header.Name), header.Name)
		require.Equal(t, byte(tar.TypeReg), header.Typeflag, header.Name)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		target := filepath.Join(root, header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o700))
		require.NoError(t, os.WriteFile(target, content, os.FileMode(header.Mode)))
		names = append(names, header.Name)
	}
}

// Docker leaves out no file of the repository: Go compares the clone with its commit, and would add +dirty to the version.
func TestTheImageIsBuiltFromAWholeClone(t *testing.T) {
	ignored, err := os.ReadFile(dockerfile + ".dockerignore")
	require.NoError(t, err)
	for line := range strings.Lines(string(ignored)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out, err := exec.Command("git", "-C", local.Repository(), "ls-files", "--", line, "**/"+line).Output()
			require.NoError(t, err)
			assert.Empty(t, string(out), "files of the repository that %s leaves out", line)
		}
	}
}

// The Go version of the image's first stage is that of go.mod.
func TestTheDockerfileBuildsWithTheModulesGo(t *testing.T) {
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	module, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	_, version, _ := strings.Cut(string(module), "\ngo ")
	version, _, _ = strings.Cut(version, "\n")
	version = strings.TrimSuffix(version, ".0")
	assert.Contains(t, string(text), "FROM golang:"+version+" AS build")
}

func TestWhatTheReaderOfDockerfilesRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no stage":               "# nothing\n",
		"before a stage":         "USER 1\nFROM scratch\n",
		"a shell":                "FROM scratch\nENTRYPOINT /grpcsse serve\n",
		"a step of the build":    "FROM scratch\nRUN true\n",
		"files of the context":   "FROM scratch\nCOPY . .\n",
		"an unknown instruction": "FROM scratch\nHEALTHCHECK NONE\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := image.Parse(text)
			require.Error(t, err)
		})
	}
	_, err := image.Assemble(image.Stage{Base: "alpine"}, nil)
	require.ErrorContains(t, err, "scratch")
}
