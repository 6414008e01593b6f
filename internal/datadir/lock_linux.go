package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// LockedError tells that another process writes the directory.
type LockedError struct {
	Path string
	PID  int // of that process; 0 if it has not said
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("data directory %s is being written by %s (stop it first, or write to another directory: "+
		"--data DIR; reading needs no lock)", e.Path, who)
}

// takeLock locks DATA/lock and writes our process id into it. The kernel drops the lock with the process, however it
// ends, so a lock file left behind means nothing.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err = flock(f); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &LockedError{path, lockHolder(f)}
		}
		return nil, fmt.Errorf("lock %s: %w (is the file system one that supports flock?)", f.Name(), err)
	}
	// The process id only serves other processes' error messages: a full disk may not hinder the start, which is
	// when retention makes room.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EINTR {
			return err
		}
	}
}

// lockHolder reads the process id in the lock file; 0 if it holds none yet.
func lockHolder(f *os.File) int {
	var b [32]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
