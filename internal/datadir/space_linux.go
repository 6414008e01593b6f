package datadir

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Space is the room on a file system.
type Space struct {
	Free  int64 // bytes an unprivileged writer may still use
	Total int64 // bytes
}

// Percent is the share of Total that is free, 0 to 100.
func (s Space) Percent() float64 {
	if s.Total <= 0 {
		return 0
	}
	return 100 * float64(s.Free) / float64(s.Total)
}

// SpaceAt measures the file system that holds path.
func SpaceAt(path string) (Space, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err == nil {
			return Space{int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize}, nil
		}
		if err != unix.EINTR {
			return Space{}, fmt.Errorf("free space of %s: %w", path, err)
		}
	}
}

// Space measures the file system the directory is on.
func (d *Dir) Space() (Space, error) { return SpaceAt(d.path) }

// FullError tells that a write failed for want of room: disk space, inodes or quota.
type FullError struct {
	Path  string // of the data directory
	Space Space  // zero if it could not be measured
	Err   error  // what failed
}

func (e *FullError) Error() string {
	return fmt.Sprintf("disk full: %v: %s of %s free at %s (delete files there, give the data directory more room, "+
		"or lower the limits of retention)", e.Err, sizeText(e.Space.Free), sizeText(e.Space.Total), e.Path)
}

// Unwrap gives the error of the write.
func (e *FullError) Unwrap() error { return e.Err }

// IsFull says whether err means that there is no room: ENOSPC or EDQUOT.
func IsFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// Explain turns an error of a write below path that IsFull into a FullError; any other error, nil too, is returned
// as it is.
func Explain(err error, path string) error {
	var full *FullError
	if err == nil || !IsFull(err) || errors.As(err, &full) {
		return err
	}
	s, _ := SpaceAt(path)
	return &FullError{path, s, err}
}

// sizeText prints a size with a binary unit and one decimal.
func sizeText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, u := float64(n)/1024, 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}
