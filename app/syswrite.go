package app

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// SysWrite says where events are written, and when another file begins.
type SysWrite struct {
	File     string // "-" for Stdout
	Stdout   io.Writer
	Compress bool
	Old      bool  // as sysdig 0.29 reads it
	Bytes    int64 // of a file, uncompressed, or twice its tables where that is more; 0: as many as there are
	Events   int64 // of a file
	Seconds  int64 // of event time in a file; the name may hold the time as strftime has it
	Ring     int64 // files that are kept; the next one takes the oldest's name
	NoUsers  bool
	Threads  func(t *sys.Thread) bool // nil: all threads are written
}

// SysWriter writes events to one file or to several in turn.
type SysWriter struct {
	cfg    SysWrite
	s      *sys.Inspector
	file   *os.File
	zip    *gzip.Writer
	w      *scap.Writer
	number int64
	events int64
	bytes  int64 // of the file, beyond which it is full
	until  int64 // event time at which the file ends
}

// NewSysWriter writes what s sees.
func NewSysWriter(cfg SysWrite, s *sys.Inspector) *SysWriter { return &SysWriter{cfg: cfg, s: s} }

// rotates says whether there may be several files.
func (w *SysWriter) rotates() bool { return w.cfg.Bytes > 0 || w.cfg.Events > 0 || w.cfg.Seconds > 0 }

// Event writes an event, first to another file if it is time for one. Each file begins with the state as it is.
func (w *SysWriter) Event(e *scap.Event) error {
	full := w.w != nil && (w.cfg.Bytes > 0 && w.w.Size() > w.bytes || w.cfg.Events > 0 && w.events >= w.cfg.Events ||
		w.cfg.Seconds > 0 && e.Time >= w.until)
	if full {
		if err := w.Close(); err != nil {
			return err
		}
	}
	if w.w == nil {
		if err := w.open(e.Time); err != nil {
			return err
		}
	}
	w.events++
	return w.w.Event(e)
}

// open begins a file with the tables.
func (w *SysWriter) open(at int64) error {
	var out io.Writer = w.cfg.Stdout
	if w.cfg.File != "-" {
		f, err := os.Create(w.name(at))
		if err != nil {
			return err
		}
		w.file, out = f, f
	}
	if w.cfg.Compress {
		w.zip = gzip.NewWriter(out)
		out = w.zip
	}
	w.w, w.events = scap.NewWriter(out, w.cfg.Old), 0
	if w.cfg.Seconds > 0 {
		w.until = at + w.cfg.Seconds*1e9
	}
	w.number++
	if err := w.tables(); err != nil {
		return err
	}
	w.bytes = max(w.cfg.Bytes, 2*w.w.Size()) // else tables that fill a file by themselves would be written for each event
	return nil
}

// tables writes the state as it is.
func (w *SysWriter) tables() error {
	return w.s.Dump(func(entry any) error {
		switch entry := entry.(type) {
		case *scap.User, *scap.Group:
			if w.cfg.NoUsers {
				return nil
			}
		case *scap.Process:
			if w.cfg.Threads != nil && !w.cfg.Threads(w.s.Thread(entry.TID)) {
				return nil
			}
		}
		return w.w.Table(entry)
	})
}

// name is that of the file that begins now.
func (w *SysWriter) name(at int64) string {
	name := w.cfg.File
	switch {
	case !w.rotates():
		return name
	case w.cfg.Seconds > 0 && strings.Contains(name, "%"):
		return strftime(name, time.Unix(0, at))
	case w.cfg.Ring > 0:
		return fmt.Sprintf("%s%0*d", name, len(fmt.Sprint(w.cfg.Ring)), w.number%w.cfg.Ring)
	}
	return fmt.Sprintf("%s%d", name, w.number)
}

// Begin writes the tables of a capture without events.
func (w *SysWriter) Begin() error {
	if w.w != nil || w.number > 0 {
		return nil
	}
	return w.open(0)
}

// Close completes the file.
func (w *SysWriter) Close() error {
	if w.w == nil {
		return nil
	}
	err := w.w.Flush()
	if w.zip != nil {
		err = errors.Join(err, w.zip.Close())
	}
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	w.w, w.zip, w.file = nil, nil, nil
	return err
}

// strftime replaces the conversions of C's strftime that name times.
func strftime(format string, t time.Time) string {
	return strings.NewReplacer("%%", "%", "%Y", t.Format("2006"), "%y", t.Format("06"), "%m", t.Format("01"), "%d", t.Format("02"), "%H", t.Format("15"),
		"%M", t.Format("04"), "%S", t.Format("05"), "%j", t.Format("002"), "%F", t.Format("2006-01-02"), "%T", t.Format("15:04:05"),
		"%b", t.Format("Jan"), "%s", fmt.Sprint(t.Unix()), "%Z", t.Format("MST"), "%z", t.Format("-0700")).Replace(format)
}
