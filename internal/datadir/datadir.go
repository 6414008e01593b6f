// Package datadir opens Tapir's data directory: one folder that holds packets, records and state.
//
//	DATA/VERSION   number of the directory's format, in decimal
//	DATA/node      name of the node that writes it
//	DATA/lock      locked (flock) by the one process that writes; holds its process id
//	DATA/packets/  package pcapstore
//	DATA/records/  package store/parquet
//	DATA/state/    what else a recorder must remember between runs
//
// A writer (record, import) calls OpenWriter, which creates what is missing and takes the lock; readers (search,
// serve, export) call OpenReader, which takes no lock and changes nothing. The errors an operator can do something
// about are typed and end with the remedy: NotFoundError, ForeignError, VersionError, LockedError, FullError.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Version is the format this program reads and writes.
const Version = 1

// dirMode keeps other users out: packets hold passwords.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Dir is an open data directory.
type Dir struct {
	path string
	node string
	lock *os.File // nil for a reader
}

// Options are the choices of a writer.
type Options struct {
	// Node names this node in every record; it may hold A-Z a-z 0-9 _ . and -. Empty means: the name the directory
	// has, and for a new directory the host's name.
	Node string
}

// OpenWriter opens the directory at path for writing, creating it if need be, and locks it until Close.
func OpenWriter(path string, o Options) (*Dir, error) {
	if o.Node != "" && CleanNode(o.Node) != o.Node {
		return nil, fmt.Errorf("node name %q: only letters, digits, '_', '.' and '-' are allowed, at most %d "+
			"(try %q)", o.Node, maxNode, CleanNode(o.Node))
	}
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("data directory: %w (choose a place you may write to: --data DIR)", err)
	}
	d := &Dir{path: path}
	if err := d.prepare(o); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// prepare checks before it locks, so that nothing is written to a folder that is not ours, and checks again under
// the lock, so that two writers that start at once do not both create.
func (d *Dir) prepare(o Options) (err error) {
	if err = d.checkVersion(true); err != nil {
		return err
	}
	if d.lock, err = takeLock(d.path); err != nil {
		return err
	}
	if err = d.createVersion(); err != nil {
		return Explain(err, d.path)
	}
	if d.node, err = writeNode(d.path, o.Node); err != nil {
		return Explain(err, d.path)
	}
	for _, sub := range []string{d.Packets(), d.Records(), d.State()} {
		if err = os.MkdirAll(sub, dirMode); err != nil {
			return Explain(fmt.Errorf("data directory: %w", err), d.path)
		}
	}
	return nil
}

// OpenReader opens the directory at path for reading. It takes no lock and creates nothing.
func OpenReader(path string) (*Dir, error) {
	d := &Dir{path: path}
	if err := d.checkVersion(false); err != nil {
		return nil, err
	}
	var err error
	d.node, err = readNode(path)
	return d, err
}

// Close releases the lock. It may be called more than once.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close() // closing the last descriptor ends the flock
	d.lock = nil
	return err
}

// Path is the directory itself.
func (d *Dir) Path() string { return d.path }

// Packets is the folder of package pcapstore.
func (d *Dir) Packets() string { return filepath.Join(d.path, "packets") }

// Records is the folder of the record store; each kind of record has a folder below it.
func (d *Dir) Records() string { return filepath.Join(d.path, "records") }

// State is the folder for small files that outlive a run: marks, users, tokens.
func (d *Dir) State() string { return filepath.Join(d.path, "state") }

// Node is the name of the node that writes the directory.
func (d *Dir) Node() string { return d.node }

// NotFoundError tells that there is no data directory at Path.
type NotFoundError struct{ Path string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no data directory at %s (give the one that tapir record or tapir import wrote: --data DIR)", e.Path)
}

// ForeignError tells that Path holds files but is not a data directory.
type ForeignError struct {
	Path  string
	Found string // one of the names that do not belong
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is no Tapir data directory: it has no VERSION file but holds %q (choose an empty or a "+
		"new directory: --data DIR)", e.Path, e.Found)
}

// VersionError tells that the directory has a format this program does not know.
type VersionError struct {
	Path  string
	Found string // what its VERSION file says
	Want  int
}

func (e *VersionError) Error() string {
	remedy := fmt.Sprintf("restore %s, or choose another directory: --data DIR", filepath.Join(e.Path, "VERSION"))
	if n, err := strconv.Atoi(e.Found); err == nil && n > e.Want {
		remedy = "use the newer tapir that wrote it, or choose another directory: --data DIR"
	} else if err == nil {
		remedy = "use the older tapir that wrote it, or export its packets with that one and import them here"
	}
	return fmt.Sprintf("data directory %s has format version %s, this tapir reads version %d (%s)",
		e.Path, strings.TrimSpace(e.Found), e.Want, remedy)
}

func (d *Dir) versionFile() string { return filepath.Join(d.path, "VERSION") }

// checkVersion reads VERSION. A writer accepts a directory without one if nothing foreign is in it.
func (d *Dir) checkVersion(writer bool) error {
	b, err := os.ReadFile(d.versionFile())
	switch {
	case err == nil:
		found := strings.TrimSpace(string(b[:min(len(b), 64)]))
		if found == strconv.Itoa(Version) {
			return nil
		}
		if _, err := strconv.Atoi(found); err != nil {
			found = strconv.Quote(found)
		}
		return &VersionError{d.path, found, Version}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data directory: %w", err)
	case !writer:
		return d.absent()
	}
	return d.foreign()
}

// absent tells a reader why there is nothing to read.
func (d *Dir) absent() error {
	if _, err := os.Stat(d.path); errors.Is(err, fs.ErrNotExist) {
		return &NotFoundError{d.path}
	}
	if err := d.foreign(); err != nil {
		return err
	}
	return &NotFoundError{d.path}
}

// foreign looks for files that no run of Tapir, not even one that was killed while it created the directory, left.
func (d *Dir) foreign() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case "VERSION", "VERSION.tmp", "lock", "node", "node.tmp", "packets", "records", "state", "lost+found":
		default:
			return &ForeignError{d.path, e.Name()}
		}
	}
	return nil
}

func (d *Dir) createVersion() error {
	if _, err := os.Stat(d.versionFile()); err == nil {
		return d.checkVersion(true)
	}
	return ReplaceFile(d.versionFile(), []byte(strconv.Itoa(Version)+"\n"))
}

// ReplaceFile writes a small file so that it is there whole or not at all, a power cut included.
func ReplaceFile(path string, b []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a folder survive a power cut.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
