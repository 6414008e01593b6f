package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// SysFiles reads .scap files.
type SysFiles struct {
	Files []string
	Stdin io.Reader
	Warn  func(error) // what a damaged file lost
}

// Run applies the events of all files in turn to s and hands each to f, until f returns an error or ctx ends. io.EOF from
// f ends it without one. damaged says that something of a file was left out.
func (in *SysFiles) Run(ctx context.Context, s *sys.Inspector, f func(*sys.Event) error) (damaged bool, err error) {
	for _, name := range in.Files {
		d, err := in.file(ctx, name, s, f)
		damaged = damaged || d
		if err == io.EOF {
			return damaged, nil
		}
		if err != nil {
			return damaged, err
		}
	}
	return damaged, nil
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
		e, err := s.Next(r, &raw)
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		if err := f(e); err != nil {
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
