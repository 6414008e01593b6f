package doctor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// present is the data directory, or the nearest one above it that is there.
func (c *Config) present() string {
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return c.Data
	}
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func directory(c *Config) (found, fix string) {
	dir := c.present()
	found = c.Data + " can be written"
	if dir != c.Data {
		found = c.Data + " is not there yet and can be made"
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Sprintf("%s cannot be written: %v", c.Data, err), fmt.Sprintf("sudo install -d -o %s %s", c.User, c.Data)
	}
	return found, ""
}

// minFree is the share of a disk that is kept free unless --free-space says otherwise.
const minFree = 5 // percent

func space(c *Config) (found, fix string) {
	var s unix.Statfs_t
	if err := unix.Statfs(c.present(), &s); err != nil || s.Blocks == 0 {
		return fmt.Sprintf("not known: %v", err), "df " + c.Data
	}
	free, all := float64(s.Bavail)*float64(s.Bsize), float64(s.Blocks)*float64(s.Bsize)
	percent := free / all * 100
	found = fmt.Sprintf("%.1f of %.1f GB are free (%.0f%%)", free/1e9, all/1e9, percent)
	if percent < 2*minFree {
		return found, fmt.Sprintf("make room, or keep data elsewhere with --data: the oldest is deleted when less than %d%% are free", minFree)
	}
	return found, ""
}

const (
	speedBytes = 32 << 20        // written at most
	speedTime  = 2 * time.Second // and for so long at most
	minSpeed   = 20e6            // bytes a second: a network of 160 Mbit/s
)

// speed writes a file to the disk and removes it.
func speed(c *Config) (found, fix string) {
	dir := c.present()
	f, err := os.CreateTemp(dir, ".tapir-doctor-*")
	if err != nil {
		return "not measured: " + err.Error(), fmt.Sprintf("sudo install -d -o %s %s", c.User, c.Data)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	b := make([]byte, 1<<20)
	for i := range b { // disks that pack what they are given have nothing to pack
		b[i] = byte(rand.Uint32())
	}
	began, n := time.Now(), 0
	for n < speedBytes && time.Since(began) < speedTime {
		if _, err = f.Write(b); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return "not measured: " + err.Error(), "df " + c.Data
		}
		n += len(b)
	}
	rate := float64(n) / time.Since(began).Seconds()
	found = fmt.Sprintf("%.0f MB/s are written and on the disk", rate/1e6)
	if rate < minSpeed {
		return found, "keep data on a faster disk with --data: packets come faster than this"
	}
	return found, ""
}
