package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"
)

// Lookup resolves the name of a host within two seconds; ParseHSFlowd takes it.
func Lookup(host string) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	return all[0], nil
}

// Watch reads a configuration file now and again whenever it has changed, looking every interval, until ctx ends. What
// parse makes of it goes to apply: a configuration, nil if the file is not there, which is no error, or an error, with or
// without a configuration. A file that is not whole yet (ErrTransition) is read again at the next look; the configuration
// before it stays in force.
func Watch(ctx context.Context, path string, interval time.Duration, parse func([]byte) (*Config, error), apply func(*Config, error)) {
	w := watcher{path: path, parse: parse, apply: apply}
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		w.look()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

type watcher struct {
	path  string
	parse func([]byte) (*Config, error)
	apply func(*Config, error)
	last  fs.FileInfo // as it was when it was read; nil: not there, or to be read again
	gone  bool        // apply was told that it is not there
	told  string      // the last error, which is told once
}

func (w *watcher) look() {
	info, err := os.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		if !w.gone {
			w.apply(nil, nil)
		}
		w.gone, w.last, w.told = true, nil, ""
		return
	}
	if err == nil && w.last != nil && os.SameFile(info, w.last) && info.ModTime().Equal(w.last.ModTime()) && info.Size() == w.last.Size() {
		return
	}
	var b []byte
	if err == nil {
		b, err = read(w.path)
	}
	var c *Config
	if err == nil {
		c, err = w.parse(b)
	}
	if errors.Is(err, ErrTransition) {
		w.last = nil
		return
	}
	w.last = info
	if err != nil {
		err = fmt.Errorf("%s: %w", w.path, err)
		if c == nil && err.Error() == w.told {
			return
		}
		w.told = err.Error()
	}
	w.gone = false
	w.apply(c, err)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
