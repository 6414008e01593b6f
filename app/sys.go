package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tapir-project/tapir/internal/heap"
	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/source/syscalls"
	"github.com/tapir-project/tapir/sys"
)

// SysSource is where calls come from: SysFiles or SysLive.
type SysSource interface {
	// Run applies the events to s and hands each to f, until there are no more, ctx ends or f returns an error; io.EOF from f
	// ends it without one. damaged says that something of a file was left out.
	Run(ctx context.Context, s *sys.Inspector, f func(*sys.Event) error) (damaged bool, err error)
}

// SysFiles reads .scap files.
type SysFiles struct {
	Files []string
	Stdin io.Reader
	Warn  func(error)  // what a damaged file lost
	First func() error // called once, when the tables are read and before the first event is applied; may be nil
	began bool
	read  func(offset int64) // how far a file is read
}

// Progress has f called now and then with how many bytes of a file were read, unpacked.
func (in *SysFiles) Progress(f func(offset int64)) { in.read = f }

// Run applies the events of all files in turn, each on what it tells itself; io.EOF from f ends a file.
func (in *SysFiles) Run(ctx context.Context, s *sys.Inspector, f func(*sys.Event) error) (damaged bool, err error) {
	defer collectLess(ctx)()
	for i, name := range in.Files {
		if i > 0 {
			s.Restart()
		}
		d, err := in.file(ctx, name, s, f)
		damaged = damaged || d
		if err != nil && err != io.EOF {
			return damaged, err
		}
	}
	return damaged, nil
}

// collectLess has the collector run a quarter as often until done is called: what lives is mostly a few megabytes of state, and
// collecting is a tenth of the time. Where more lives, the heap stays bounded. An operator's own GOGC is left as it is.
func collectLess(ctx context.Context) (done func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(400)
	ctx, cancel := context.WithCancel(ctx)
	var care sync.WaitGroup
	care.Go(func() { heap.Bound(ctx) })
	return func() {
		cancel()
		care.Wait()
		debug.SetGCPercent(before)
	}
}

func (in *SysFiles) file(ctx context.Context, name string, s *sys.Inspector, f func(*sys.Event) error) (damaged bool, err error) {
	src, closer, err := in.open(name)
	if err != nil {
		return false, err
	}
	defer closer()
	r, err := scap.NewReader(src)
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	defer r.Close()
	r.Table = s.Table
	var raw scap.Event
	for n := 0; ; n++ {
		if n&1023 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		if n&0xffff == 0 && in.read != nil {
			in.read(r.Offset())
		}
		err := r.Next(&raw)
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		if !in.began && in.First != nil {
			if err := in.First(); err != nil {
				return false, err
			}
		}
		in.began = true
		if err := f(s.Apply(&raw)); err != nil {
			return false, err
		}
	}
	if d := r.Damage(); d.Any() {
		in.Warn(fmt.Errorf("%s: %s (tapir sys repair %s makes a sound file of it)", name, d.String(), name))
		return true, nil
	}
	return false, nil
}

func (in *SysFiles) open(name string) (io.Reader, func(), error) {
	if name == "-" {
		return in.Stdin, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// SysLive captures system calls as they happen.
type SysLive struct {
	Config syscalls.Config // its Tables are set by Run
	First  func() error    // called once, when the state of the machine is known and before the first event is applied; may be nil
	// Duration is how long it captures at most, from when it has begun to; 0: until ctx ends.
	Duration time.Duration
	// Calls were captured and Losses lost; they are known when Run has ended.
	Calls  uint64
	Losses *syscalls.Losses
	Start  *syscalls.Start // what there was at the beginning, known when Run has ended too
}

// Run applies the events as they happen. What was captured when ctx ended is still delivered, and its end is no error.
func (in *SysLive) Run(ctx context.Context, s *sys.Inspector, f func(*sys.Event) error) (damaged bool, err error) {
	cfg := in.Config
	cfg.Tables = s.Table
	s.ShareMemory()
	src, err := syscalls.Open(cfg)
	if err != nil {
		return false, err
	}
	defer func() {
		in.Calls, in.Losses, in.Start = src.Calls(), src.Losses(), src.Start()
		err = errors.Join(err, src.Close())
	}()
	if in.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, in.Duration)
		defer cancel()
	}
	defer src.StopWith(ctx)()
	if in.First != nil {
		if err := in.First(); err != nil {
			return false, err
		}
	}
	var raw scap.Event
	for {
		e, err := s.Next(src, &raw)
		if err == nil {
			err = f(e)
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// SysPrint prints events.
type SysPrint struct {
	Out    *bufio.Writer
	Format *sys.Format
	JSON   bool
	buf    []byte
}

// Print prints e's line, if it has one.
func (p *SysPrint) Print(e *sys.Event) error {
	var ok bool
	if p.JSON {
		p.buf, ok = p.Format.AppendJSON(p.buf[:0], e)
	} else {
		p.buf, ok = p.Format.Append(p.buf[:0], e)
	}
	if !ok {
		return nil
	}
	p.buf = append(p.buf, '\n')
	_, err := p.Out.Write(p.buf)
	return err
}

// SysCopy copies a .scap file, sound or damaged, in the current layout or as sysdig 0.29 reads it.
func SysCopy(ctx context.Context, in io.Reader, out io.Writer, salvage, old bool) (events int64, damage scap.Damage, err error) {
	open := scap.NewReader
	if salvage {
		open = scap.Salvage
	}
	r, err := open(in)
	if err != nil {
		return 0, damage, err
	}
	defer r.Close()
	w := scap.NewWriter(out, old)
	begun := false
	begin := func(is bool) {
		if !begun && !is {
			err = errors.Join(err, w.Table(&scap.Section{}))
		}
		begun = true
	}
	r.Table = func(entry any) {
		_, is := entry.(*scap.Section)
		begin(is)
		err = errors.Join(err, w.Table(entry))
	}
	var e scap.Event
	for err == nil {
		if events&1023 == 0 && ctx.Err() != nil {
			return events, r.Damage(), ctx.Err()
		}
		if next := r.Next(&e); next != nil {
			if next != io.EOF {
				err = next
			}
			break
		}
		begin(false)
		events++
		err = errors.Join(err, w.Event(&e))
	}
	begin(false) // a file without anything sound is an empty one
	return events, r.Damage(), errors.Join(err, w.Flush())
}
