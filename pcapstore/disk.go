package pcapstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/internal/datadir"
)

// disk is what the writing side does to the file system, so that tests can make it fail at any step. Readers use
// package os.
type disk interface {
	// open opens a file for writing with these additional flags of package os. With os.O_CREATE missing folders
	// are made.
	open(path string, flags int) (file, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
}

// file is a file being written.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// osDisk is the real one.
type osDisk struct{}

func (osDisk) open(path string, flags int) (file, error) {
	const tries = 3 // retention may remove the empty folder between making it and creating the file in it
	for try := 1; ; try++ {
		f, err := os.OpenFile(path, os.O_WRONLY|flags, 0o600)
		if err == nil {
			return f, nil
		}
		if flags&os.O_CREATE == 0 || !errors.Is(err, fs.ErrNotExist) || try == tries {
			return nil, err
		}
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (osDisk) syncDir(path string) error { return datadir.SyncDir(path) }

// openDirect is the flag for writes past the page cache.
const openDirect = unix.O_DIRECT
