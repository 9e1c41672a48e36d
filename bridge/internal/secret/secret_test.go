package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/secret"
)

func TestRead(t *testing.T) {
	for name, tt := range map[string]struct {
		content, want string
		err           error
	}{
		"text":               {"token", "token", nil},
		"a line break":       {"token\n", "token", nil},
		"space around it":    {" \n to ken \r\n", "to ken", nil},
		"nothing":            {"", "", secret.ErrEmpty},
		"space alone":        {"\n \n", "", secret.ErrEmpty},
		"two lines":          {"a\nb", "", secret.ErrUnprintable},
		"not ASCII":          {"ü", "", secret.ErrUnprintable},
		"the greatest size":  {strings.Repeat("x", secret.MaxBytes), strings.Repeat("x", secret.MaxBytes), nil},
		"more than that":     {strings.Repeat("x", secret.MaxBytes+1), "", secret.ErrTooLong},
		"much space":         {strings.Repeat(" ", secret.MaxBytes+1), "", secret.ErrTooLong},
		"a NUL and a secret": {"secret\x00", "", secret.ErrUnprintable},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(file, []byte(tt.content), 0o600))
			got, err := secret.Read(file)
			require.ErrorIs(t, err, tt.err)
			assert.Equal(t, tt.want, got)
			if err != nil {
				assert.NotContains(t, err.Error(), "secret\x00")
			}
		})
	}
	_, err := secret.Read(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// clock gives files times in the past, so that they count as complete.
type clock struct{ minutes int }

func (c *clock) write(t *testing.T, file, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	c.minutes++
	at := time.Now().Add(-time.Hour + time.Duration(c.minutes)*time.Minute)
	require.NoError(t, os.Chtimes(file, at, at))
}

func newFresh(t *testing.T, file string) (*secret.Fresh[string], *[]error) {
	t.Helper()
	var complaints []error
	f, err := secret.New([]string{file}, 0, func() (string, error) { return secret.Read(file) },
		func(err error) { complaints = append(complaints, err) })
	require.NoError(t, err)
	return f, &complaints
}

func TestAFileIsReadAgainWhenItHasChanged(t *testing.T) {
	file, c := filepath.Join(t.TempDir(), "token"), &clock{}
	c.write(t, file, "one")
	f, complaints := newFresh(t, file)
	assert.Equal(t, "one", f.Get())
	c.write(t, file, "two") // of the same size
	assert.Equal(t, "two", f.Get())

	// What cannot be used changes nothing, and is told once.
	for range 2 {
		require.NoError(t, os.Remove(file))
		assert.Equal(t, "two", f.Get())
		assert.Equal(t, "two", f.Get())
		c.write(t, file, "")
		assert.Equal(t, "two", f.Get())
	}
	require.Len(t, *complaints, 1)
	require.ErrorIs(t, (*complaints)[0], os.ErrNotExist)
	c.write(t, file, "three")
	assert.Equal(t, "three", f.Get())
	c.write(t, file, "a\nb")
	assert.Equal(t, "three", f.Get())
	assert.Len(t, *complaints, 2, "another time is another complaint")
	c.write(t, file, "three")
	assert.Equal(t, "three", f.Get())
	assert.Len(t, *complaints, 2)
}

// A program may still be writing a file that has just changed.
func TestAFileThatHasJustChangedIsNotReadYet(t *testing.T) {
	file, c := filepath.Join(t.TempDir(), "token"), &clock{}
	c.write(t, file, "one")
	f, complaints := newFresh(t, file)
	require.NoError(t, os.WriteFile(file, []byte("half of the nex"), 0o600))
	assert.Equal(t, "one", f.Get())
	require.NoError(t, os.WriteFile(file, []byte("half of the next one"), 0o600))
	assert.Equal(t, "one", f.Get())
	c.write(t, file, "next")
	assert.Equal(t, "next", f.Get())
	require.NoError(t, os.Chtimes(file, time.Now().Add(time.Hour), time.Now().Add(time.Hour)))
	require.NoError(t, os.WriteFile(file+".new", []byte("from a clock that is ahead"), 0o600))
	require.NoError(t, os.Chtimes(file+".new", time.Now().Add(time.Hour), time.Now().Add(time.Hour)))
	require.NoError(t, os.Rename(file+".new", file))
	assert.Equal(t, "from a clock that is ahead", f.Get())
	assert.Empty(t, *complaints)
}

// Kubernetes replaces the files of a volume by pointing a symbolic link to another directory.
func TestALinkThatPointsElsewhere(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	at := time.Now().Add(-time.Hour)
	for _, version := range []string{"one", "two"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		file := filepath.Join(dir, version, "token")
		c.write(t, file, version)
		require.NoError(t, os.Chtimes(file, at, at)) // the same size and time in both
	}
	data, file := filepath.Join(dir, "..data"), filepath.Join(dir, "token")
	require.NoError(t, os.Symlink("one", data))
	require.NoError(t, os.Symlink(filepath.Join("..data", "token"), file))
	f, _ := newFresh(t, file)
	assert.Equal(t, "one", f.Get())
	require.NoError(t, os.Symlink("two", data+"_tmp"))
	require.NoError(t, os.Rename(data+"_tmp", data))
	assert.Equal(t, "two", f.Get())
}

func TestFilesAreNotLookedAtMoreOftenThanAsked(t *testing.T) {
	file, c := filepath.Join(t.TempDir(), "token"), &clock{}
	c.write(t, file, "one")
	read := 0
	f, err := secret.New([]string{file}, time.Hour, func() (string, error) { read++; return secret.Read(file) }, nil)
	require.NoError(t, err)
	c.write(t, file, "two")
	for range 10 {
		assert.Equal(t, "one", f.Get())
	}
	assert.Equal(t, 1, read)
}

func TestAValueThatCannotBeMadeAtFirst(t *testing.T) {
	_, err := secret.New([]string{"none"}, 0, func() (string, error) { return "", errors.New("no") }, nil)
	require.EqualError(t, err, "no")
}
