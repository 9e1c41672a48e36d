package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name, file string // in the archive, and on this machine
	mode       int64
}

// writeArchive writes a .tar.gz whose bytes depend on the content of the files and on the time alone.
func writeArchive(target string, at time.Time, entries []entry) (err error) {
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zipped := gzip.NewWriter(out)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		content, err := os.ReadFile(e.file)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(content)), ModTime: at, Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(content); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

// setTimes gives all files in a .tar.gz the same time.
func setTimes(name string, at time.Time) (err error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zipped := gzip.NewWriter(out)
	written := tar.NewWriter(zipped)
	for read := tar.NewReader(unzipped); ; {
		header, err := read.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(written.Close(), zipped.Close())
		}
		if err != nil {
			return err
		}
		header.ModTime = at
		if err := written.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(written, read); err != nil {
			return err
		}
	}
}

// writeChecksums writes checksums.txt for the files of a folder, in the form that `sha256sum --check` reads.
func writeChecksums(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines []string
	for _, name := range names {
		file, err := os.Open(filepath.Join(dir, name.Name()))
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, file)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sum.Sum(nil), name.Name()))
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(dir, "checksums.txt"), []byte(strings.Join(lines, "")), 0o644)
}
