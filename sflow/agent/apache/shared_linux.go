package apache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

// The file: a head of 32-bit words, then slots of 64-bit words.
const (
	magic      = 0x54534631
	headBytes  = 256
	slotBytes  = 192
	slots      = 64
	sharedSize = headBytes + slots*slotBytes

	wordMagic, wordSize, wordRate, wordPort         = 0, 1, 2, 3
	wordActive, wordIdle, wordMost, wordWorkers     = 4, 5, 6, 7
	wordUID                                         = 9
	slotMethods, slotStatus, slotDrawn, slotDropped = 0, 9, 15, 16
)

// errNotReady says that Apache has not made the file, or not finished it.
var errNotReady = errors.New("the module in Apache has not made it yet")

// shared is the file, mapped.
type shared struct {
	b    []byte
	info fs.FileInfo
}

// openShared maps the file at path.
func openShared(path string) (*shared, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotReady
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() < sharedSize {
		return nil, errNotReady
	}
	b, err := unix.Mmap(int(f.Fd()), 0, sharedSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	s := &shared{b, info}
	if s.word(wordMagic).Load() != magic || s.word(wordSize).Load() != sharedSize {
		s.close()
		return nil, errNotReady
	}
	return s, nil
}

func (s *shared) close() { unix.Munmap(s.b) }

func (s *shared) word(i int) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&s.b[4*i])) }

// sum adds a counter up over the slots.
func (s *shared) sum(i int) (n uint64) {
	for at := headBytes; at < sharedSize; at += slotBytes {
		n += (*atomic.Uint64)(unsafe.Pointer(&s.b[at+8*i])).Load()
	}
	return n
}

func (s *shared) counts() (c agent.Counts) {
	for i := range c.Methods {
		c.Methods[i] = s.sum(slotMethods + i)
	}
	for i := range c.Status {
		c.Status[i] = s.sum(slotStatus + i)
	}
	return c
}

// workers are Apache's as of at, s since the epoch; 0 if they are not known.
func (s *shared) workers() (w sflow.AppWorkers, at uint32) {
	return sflow.AppWorkers{Active: s.word(wordActive).Load(), Idle: s.word(wordIdle).Load(), Max: s.word(wordMost).Load()}, s.word(wordWorkers).Load()
}

// gone says whether the file at path is another one by now.
func (s *shared) gone(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !os.SameFile(info, s.info)
}

var native = binary.NativeEndian
