// Package localfile reads the files that a configuration names. A name may lead to anything that the operating system has under a
// path, and the program must go on whatever it is: to open a named pipe waits for a writer, and a device such as /dev/zero has no
// end. So only regular files are read, and each read has a bound.
package localfile

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// MostPEM bounds a file with certificates or with a key. The certificates of all public authorities together take a fifth of it.
const MostPEM = 1 << 20

// ErrTooLong says that a file is longer than the caller allows. A [*fs.PathError] with the path is around it.
var ErrTooLong = errors.New("the file is too long")

// KindError says that a path leads to something other than a regular file. A [*fs.PathError] with the path is around it.
type KindError struct {
	Mode fs.FileMode // of what is there
}

// Error implements error.
func (e *KindError) Error() string {
	if e.Mode.IsDir() {
		return "is a directory" // as the operating system says
	}
	return "is " + kindOf(e.Mode) + ": expected a regular file"
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

// Read returns the content of a regular file of at most most bytes. It follows links. The error is a [*fs.PathError] around
// [ErrTooLong], a [*KindError], or the error of the operating system. Of a file that is too long, Read returns the beginning. It
// never waits for another process.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path, most)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(f)
	return slices.Clip(data), err
}

// Open opens a regular file for reading, with the errors of [Read]. A read behind the first most bytes of the file fails with
// [ErrTooLong]. The caller must close the file.
func Open(path string, most int64) (io.ReadCloser, error) {
	// To open a device may have an effect, so what is there is looked at first. It may be replaced until the file is open, so the
	// open file is looked at too, and opening does not wait.
	if info, err := os.Stat(path); err == nil {
		if err = checkKind(path, info); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = checkKind(path, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &bounded{file: f, left: most}, nil
}

func checkKind(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: &KindError{info.Mode()}}
}

// bounded is a file of which only the first bytes can be read.
type bounded struct {
	file *os.File
	left int64
}

// Read implements [io.Reader]. It asks for one byte more than is left, which shows whether the file is too long.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.file.Read(p)
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, &fs.PathError{Op: "read", Path: b.file.Name(), Err: ErrTooLong}
	}
	b.left -= int64(n)
	return n, err
}

// Close implements [io.Closer].
func (b *bounded) Close() error { return b.file.Close() }

// KeyPair returns the certificate in two PEM files. No error has anything of the key.
func KeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := ReadPEM(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := ReadPEM(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// ReadPEM returns the content of a file of certificates or of a key, which may have [MostPEM] bytes.
func ReadPEM(path string) ([]byte, error) {
	data, err := Read(path, MostPEM)
	if errors.Is(err, ErrTooLong) {
		return nil, fmt.Errorf("%w: expected PEM text of at most %d bytes", err, MostPEM)
	}
	return data, err
}
