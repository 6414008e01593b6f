package pcapfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/tapir-project/tapir/source"
)

// file is one file to read.
type file struct {
	path  string
	index int   // in the order of the command line, directories sorted by name
	pipe  bool  // cannot be opened twice
	first int64 // time of its first packet, ns; math.MinInt64 where that is not known
	cost  int   // of keeping it open, see maxCost
	late  bool  // had to wait although its turn had come
}

// list fills files from the paths of the configuration.
func (s *Source) list() error {
	if len(s.cfg.Paths) == 0 {
		return errors.New("no capture files given; name files, directories, or - for standard input")
	}
	for _, path := range s.cfg.Paths {
		if err := s.path(path); err != nil {
			return err
		}
	}
	return nil
}

// path adds what one path stands for.
func (s *Source) path(path string) error {
	if path == "-" {
		s.add(&file{path: path, pipe: true})
		return nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return s.directory(path)
	}
	return s.named(path, st)
}

func (s *Source) add(f *file) {
	f.index = len(s.files)
	s.piped = s.piped || f.pipe
	s.files = append(s.files, f)
}

// named adds a file that must be a capture.
func (s *Source) named(path string, st fs.FileInfo) error {
	if !st.Mode().IsRegular() {
		s.add(&file{path: path, pipe: true})
		return nil
	}
	f, err := s.probe(path)
	if err != nil {
		return err
	}
	s.count.size += st.Size()
	s.add(f)
	return nil
}

// directory adds the captures below a directory.
func (s *Source) directory(dir string) error {
	before, skipped := len(s.files), s.count.skipped
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(d.Name(), "."):
			return skip(d)
		case d.IsDir():
			return nil
		}
		return s.found(path)
	})
	if err == nil && len(s.files) == before {
		err = fmt.Errorf("%s: no captures in this directory, of %d files", dir, s.count.skipped-skipped)
	}
	return err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// found adds a file of a directory if it is a capture.
func (s *Source) found(path string) error {
	st, err := os.Stat(path) // follows links to files
	if err == nil && !st.Mode().IsRegular() {
		return nil
	}
	if err == nil {
		err = s.named(path, st)
	}
	if err != nil {
		s.count.skipped++
		s.cfg.Warn(fmt.Errorf("skipped: %w", err))
	}
	return nil
}

// probeLimit is how much of a file is read at most to find its first packet.
const probeLimit = 1 << 20

// probe looks at the beginning of a file. Damage is no error here: Run will come to it in its turn.
func (s *Source) probe(path string) (*file, error) {
	f := &file{path: path, first: math.MinInt64, cost: costPlain}
	ctx := context.Background()
	in, err := s.openInput(ctx, path, new(atomic.Int64))
	if err != nil {
		return nil, err
	}
	f.cost = in.cost
	in.Reader = io.LimitReader(in.Reader, probeLimit)
	in.whole = false
	look := &Source{known: map[source.Interface]uint32{}}
	st := &stream{file: f, src: look, in: in}
	defer st.close()
	switch err := st.advance(ctx, probing()); {
	case errors.Is(err, source.ErrNotCapture):
		return nil, err
	case err == nil:
		f.first = st.time()
	}
	return f, nil
}

// probing is memory for one packet at a time.
func probing() *memory {
	m := &memory{size: bufferMin}
	m.buffers = newPool(2, func() *buffer { return &buffer{mem: m, b: make([]byte, m.size)} })
	m.blocks = newPool(1, func() *block { return newBlock(m, 1) })
	return m
}
