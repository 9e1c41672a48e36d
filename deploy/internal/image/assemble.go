package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Assemble returns the image of a stage that begins with an empty base. files has the file for each Source of its copies.
func Assemble(s Stage, files map[string]string) (v1.Image, error) {
	if s.Base != "scratch" {
		return nil, fmt.Errorf("the base is %s: only scratch needs no registry", s.Base)
	}
	image := empty.Image
	for _, c := range s.Copies {
		layer, err := layerOf(c, files[c.Source])
		if err != nil {
			return nil, fmt.Errorf("COPY %s: %w", c.Source, err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	ports := map[string]struct{}{}
	for _, port := range s.Expose {
		ports[port+"/tcp"] = struct{}{}
	}
	return mutate.Config(image, v1.Config{User: s.User, ExposedPorts: ports, Entrypoint: s.Entrypoint, Cmd: s.Command})
}

// layerOf returns a layer with one file. As COPY does, it keeps the permissions, and gives the file to root.
func layerOf(c Copy, file string) (v1.Layer, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(path.Clean(c.Target), "/")
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
}
