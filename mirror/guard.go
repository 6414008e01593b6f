package mirror

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror/rtnl"
)

// guard cleans up after the process where the kernel does not: filters and the clsact qdisc outlive whoever made them. A
// child process in a session of its own holds one end of a pipe; when the other end closes, however the process ended,
// it removes what was announced. If both are killed at once, `tapir mirror stop` cleans up.
type guard struct {
	command []string // starts a process that calls Guard
	forced  bool     // do not use tcx, to test this
	persist bool     // what is attached is to outlive the process: filters are refused
	pipe    io.WriteCloser
	child   *exec.Cmd
	hooks   map[int]map[rtnl.Hook]bool // what is attached
	made    map[int]bool               // interfaces whose qdisc is ours
	foreign map[int]bool               // interfaces whose qdisc was there before
}

func newGuard(cfg *Config) *guard {
	return &guard{command: cfg.Guard, forced: cfg.NoTCX, persist: cfg.Persist, hooks: map[int]map[rtnl.Hook]bool{}, made: map[int]bool{}, foreign: map[int]bool{}}
}

// expect announces that a filter will be attached.
func (g *guard) expect(index int, hook rtnl.Hook) error {
	if g.child == nil {
		if err := g.start(); err != nil {
			return err
		}
	}
	if g.hooks[index] == nil {
		g.hooks[index] = map[rtnl.Hook]bool{}
	}
	g.hooks[index][hook] = true
	_, err := fmt.Fprintf(g.pipe, "%d %d own\n", index, uint32(hook))
	return err
}

// keep says that the qdisc is somebody else's.
func (g *guard) keep(index int, hook rtnl.Hook) error {
	g.foreign[index] = true
	_, err := fmt.Fprintf(g.pipe, "%d %d keep\n", index, uint32(hook))
	return err
}

func (g *guard) start() error {
	if g.persist {
		return fmt.Errorf("this kernel has no tcx (it came with 6.6), which --persist needs (leave it out, and let a service manager start the mirror again)")
	}
	if len(g.command) == 0 {
		return fmt.Errorf("this kernel has no tcx (it came with 6.6), and there is no program to guard filters of tc")
	}
	c := exec.Command(g.command[0], g.command[1:]...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.Stderr = os.Stderr
	pipe, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the guard of filters: %w", err)
	}
	g.pipe, g.child = pipe, c
	return nil
}

// clean removes one filter, and the qdisc when it was the last.
func (g *guard) clean(nl *rtnl.Conn, index int, hook rtnl.Hook) error {
	delete(g.hooks[index], hook)
	return cleanFilters(nl, index, []rtnl.Hook{hook}, len(g.hooks[index]) == 0 && !g.foreign[index])
}

// close lets the child end, which finds that nothing is left to do, or does it.
func (g *guard) close() error {
	if g.child == nil {
		return nil
	}
	g.pipe.Close()
	return g.child.Wait()
}

// cleanFilters removes filters of ours; last says that the qdisc goes too if it holds no filter of others.
func cleanFilters(nl *rtnl.Conn, index int, hooks []rtnl.Hook, last bool) error {
	for _, h := range hooks {
		if err := nl.DeleteFilter(index, h); err != nil {
			return fmt.Errorf("remove tc filter: %w", err)
		}
	}
	if !last {
		return nil
	}
	used, err := nl.FiltersOn(index)
	if err != nil || used {
		return err
	}
	err = nl.DeleteClsact(index)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// sweep removes filters of ours whose process and guard were both killed. It says whether there were any.
func sweep(nl *rtnl.Conn) (bool, error) {
	links, err := nl.Links()
	if err != nil {
		return false, err
	}
	var errs []error
	found := false
	for _, l := range links {
		hooks, err := nl.OwnFilters(l.Index)
		if err == nil && len(hooks) > 0 {
			found = true
			err = cleanFilters(nl, l.Index, hooks, true)
		}
		errs = append(errs, err)
	}
	return found, errors.Join(errs...)
}

// Guard is the child process: it reads what is attached from r and cleans up when r ends.
func Guard(r io.Reader) error {
	nl, err := rtnl.Dial()
	if err != nil {
		return err
	}
	defer nl.Close()
	hooks, keep := map[int][]rtnl.Hook{}, map[int]bool{}
	for s := bufio.NewScanner(r); s.Scan(); {
		var index int
		var hook uint32
		var whose string
		if _, err := fmt.Sscan(s.Text(), &index, &hook, &whose); err != nil {
			return fmt.Errorf("guard: %q: %w", s.Text(), err)
		}
		hooks[index] = append(hooks[index], rtnl.Hook(hook))
		keep[index] = keep[index] || whose == "keep"
	}
	var errs []error
	for index, h := range hooks {
		errs = append(errs, cleanFilters(nl, index, h, !keep[index]))
	}
	return errors.Join(errs...)
}
