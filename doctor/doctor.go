// Package doctor looks at what this machine allows this user: each part of Tapir that needs something of the kernel, of
// privileges or of the disk is tried as the part itself would, and what is missing comes with the command that mends it.
//
// A Config flows in, Findings flow out, in a fixed order. Nothing is changed: programs that are loaded into the kernel to
// try it are never attached and are gone at once, and the file that measures the disk is removed. The caller is the
// command line.
package doctor

import "fmt"

// Config is what is looked at.
type Config struct {
	Data    string // data directory, whether it is there or not
	Program string // path of this program, for commands that mend
	User    string // who runs it, for the same
}

// Finding is what one check found.
type Finding struct {
	Area  string `json:"area"` // system, capture, mirror, sys, data
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"` // a command, or what to do; empty if it is OK
}

// Capabilities are those that an ordinary user needs for everything, as setcap takes them: capturing, mirroring, tracing,
// the names of what other users' processes have open.
const Capabilities = "cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search"

// check is one check. It says what it found, and how to mend it if that is not good.
type check struct {
	area, name string
	run        func(*Config) (found, fix string)
}

var checks = []check{
	{"system", "kernel", kernel},
	{"system", "types", types},
	{"system", "clock", clock},
	{"system", "privileges", privileges},
	{"capture", "packets", packets},
	{"capture", "sockets", sockets},
	{"mirror", "programs", mirrorPrograms},
	{"sys", "programs", sysPrograms},
	{"sys", "processes", processes},
	{"data", "directory", directory},
	{"data", "space", space},
	{"data", "speed", speed},
}

// Run makes all checks, one after the other.
func Run(cfg Config) []Finding {
	out := make([]Finding, 0, len(checks))
	for _, c := range checks {
		found, fix := c.run(&cfg)
		out = append(out, Finding{Area: c.area, Check: c.name, OK: fix == "", Found: found, Fix: fix})
	}
	return out
}

// grant is the command that gives this program the capabilities.
func (c *Config) grant() string { return fmt.Sprintf("sudo setcap %s=ep %s", Capabilities, c.Program) }
