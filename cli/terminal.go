package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal says whether w is a terminal that lines can be written over on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
