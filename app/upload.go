package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/tapir-project/tapir/api"
	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// DefaultImportLimit is how many bytes of a capture file are taken over HTTP unless the operator says otherwise.
const DefaultImportLimit = 2 << 30

// mayWrite is W_OK and X_OK of access(2).
const mayWrite = 2 | 1

// spaceEvery is how many bytes of an upload may come before free space is looked at again.
const spaceEvery = 16 << 20

// uploads is an api.Importer. A file is kept in DATA/state/uploads, locked, until it is indexed; what a crash left there
// is not locked any more, and removed at the next start.
type uploads struct {
	dir   *datadir.Dir
	limit int64
	keep  Retention // whose free space an upload leaves alone
	// do stores and indexes files.
	do func(ctx context.Context, in ReadFiles, progress func(Progress)) (Summary, error)
	// free says why nothing can be imported now, before bytes come in vain.
	free func() error

	one sync.Mutex // held while an upload is taken and imported
}

// newUploads readies uploads into a data directory; nil if this process may not write it.
func newUploads(dir *datadir.Dir, limit int64, keep Retention) *uploads {
	u := &uploads{dir: dir, limit: limit, keep: keep}
	if os.MkdirAll(u.path(), 0o700) != nil || syscall.Access(u.path(), mayWrite) != nil {
		return nil
	}
	u.sweep()
	return u
}

func (u *uploads) path() string { return filepath.Join(u.dir.State(), "uploads") }

// sweep removes files that no process holds.
func (u *uploads) sweep() {
	entries, _ := os.ReadDir(u.path())
	for _, e := range entries {
		path := filepath.Join(u.path(), e.Name())
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.Remove(path)
		}
		f.Close()
	}
}

// Limit is api.Importer.
func (u *uploads) Limit() int64 { return u.limit }

// Import is api.Importer.
func (u *uploads) Import(ctx context.Context, body io.Reader, size int64, tell func(api.ImportProgress)) (done api.Imported, err error) {
	if !u.one.TryLock() {
		return done, api.Refuse(http.StatusConflict, ErrBusy)
	}
	defer u.one.Unlock()
	if err := u.free(); err != nil {
		return done, refusal(err)
	}
	f, err := u.take(body, size)
	if err != nil {
		return done, refusal(datadir.Explain(err, u.dir.Path()))
	}
	defer f.Close()
	defer os.Remove(f.Name())
	s, err := u.do(ctx, ReadFiles{Files: []string{f.Name()}}, func(p Progress) {
		tell(api.ImportProgress{Bytes: p.Source.Position, Size: p.Source.Size, Packets: p.Totals.Packets, Sessions: p.Totals.Flow.Sessions})
	})
	if err != nil && source.Partial(err) {
		done.Warning, err = unnamed(err, f.Name()).Error()+" (everything before was read)", nil
	}
	if err != nil {
		return done, refusal(unnamed(datadir.Explain(err, u.dir.Path()), f.Name()))
	}
	t := s.Totals
	done.Packets, done.Sessions, done.Transactions = t.Packets, t.Flow.Sessions, t.Transactions
	if t.Packets > 0 {
		done.From, done.To = string(record.AppendTime(nil, t.FirstPacket)), string(record.AppendTime(nil, t.LastPacket+1))
	}
	return done, nil
}

// take keeps the body in a file that is locked.
func (u *uploads) take(body io.Reader, size int64) (f *os.File, err error) {
	if err := u.room(max(size, 0)); err != nil {
		return nil, err
	}
	if f, err = os.CreateTemp(u.path(), "upload-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			f.Close()
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return f, err
	}
	for {
		n, err := io.CopyN(f, body, spaceEvery)
		if err == io.EOF {
			return f, nil
		}
		if err == nil {
			err = u.room(n)
		}
		if err != nil {
			return f, err
		}
	}
}

// room says whether so many bytes can be stored twice, as a file and as packets, without touching the space that is kept
// free: else retention would make room by deleting what was recorded.
func (u *uploads) room(n int64) error {
	space, err := u.dir.Space()
	if err != nil {
		return err
	}
	if keep := u.keep.withDefaults().keepFree(space); space.Free-2*n < keep {
		return fmt.Errorf("an import of %d bytes would leave less than %d bytes of the disk free, of which %d are (make room, or lower --free-space): %w",
			n, keep, space.Free, syscall.ENOSPC)
	}
	return nil
}

// refusal is an error with the status that fits it.
func refusal(err error) error {
	var locked *datadir.LockedError
	switch {
	case errors.As(err, &locked):
		return api.Refuse(http.StatusConflict, fmt.Errorf("%w, or import where that process serves", err))
	case errors.Is(err, ErrBusy):
		return api.Refuse(http.StatusConflict, err)
	case datadir.IsFull(err):
		return api.Refuse(http.StatusInsufficientStorage, err)
	case errors.Is(err, source.ErrNotCapture):
		return api.Refuse(http.StatusBadRequest, err)
	}
	return err
}

// uploadError is an error without the name of the file that an upload was kept in.
type uploadError struct {
	error
	path string
}

func (e uploadError) Error() string { return strings.ReplaceAll(e.error.Error(), e.path, "the file") }
func (e uploadError) Unwrap() error { return e.error }

func unnamed(err error, path string) error { return uploadError{err, path} }

// uploads is the api.Importer of a server over a data directory, nil if it takes nothing. node is the capture it serves
// beside; without one it takes the data directory's lock for the time of an import.
func (s Serve) uploads(dir *datadir.Dir) api.Importer {
	if s.ImportLimit <= 0 {
		return nil
	}
	u := newUploads(dir, s.ImportLimit, s.Retention)
	if u == nil {
		return nil
	}
	if s.Node != nil {
		u.do, u.free = s.Node.Import, func() error { return nil }
		return u
	}
	u.do = func(ctx context.Context, in ReadFiles, progress func(Progress)) (Summary, error) {
		return Import(ctx, Config{Data: dir.Path(), Retention: s.Retention, Log: s.Log}, in, progress)
	}
	u.free = func() error {
		d, err := datadir.OpenWriter(dir.Path(), datadir.Options{})
		if err != nil {
			return err
		}
		return d.Close()
	}
	return u
}
