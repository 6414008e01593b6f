package parquet

import (
	"io"
	"os"
)

// disk is what a writer does to the file system, so that tests can stop it between any two steps.
type disk interface {
	mkdir(path string) error
	create(path string) (file, error) // path must not exist
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// Records hold what was seen on a network: for their owner only, as package datadir has it.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

type osDisk struct{}

func (osDisk) mkdir(path string) error { return os.MkdirAll(path, dirMode) }
func (osDisk) create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}
func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// writeFile writes a file that is there whole or not at all: under a temporary name first, then renamed.
func writeFile(d disk, tmp, path string, sync bool, write func(io.Writer) error) (err error) {
	f, err := d.create(tmp)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && sync {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = d.rename(tmp, path)
	}
	if err != nil {
		d.remove(tmp)
	}
	return err
}
