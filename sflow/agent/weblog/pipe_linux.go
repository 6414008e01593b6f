package weblog

import (
	"os"

	"golang.org/x/sys/unix"
)

const pipeBytes = 1 << 20 // what an ordinary user may ask for (fs.pipe-max-size)

// widen makes a pipe hold a megabyte, so that the server does not wait for a reader that is late. What is no pipe stays
// as it is.
func widen(f *os.File) {
	unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, pipeBytes)
}
