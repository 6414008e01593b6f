package agent

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// HSFlowdFile is where hsflowd writes what it was configured with or found out (DNS-SD), for other agents to read.
const HSFlowdFile = "/etc/hsflowd.auto"

// ErrTransition says that the file is being written: its revisions differ. It is to be read again.
var ErrTransition = errors.New("the file is being written (rev_start and rev_end differ)")

const (
	maxFile = 1 << 20 // bytes of a configuration file
	maxLine = 1024    // bytes of a line, as hsflowd has it
)

// ParseHSFlowd reads the contents of hsflowd.auto: a key and its values on each line, separated by spaces, tabs or '=';
// keys in any case; '#' begins a comment. Names of hosts are resolved by lookup. Keys that are not for other agents are
// passed over, as are keys that nobody knows. Lines that are damaged are left out and told in the error, which
// is joined of all of them and comes with a configuration of the rest; that of a file that cannot be used has none.
func ParseHSFlowd(b []byte, lookup func(host string) (netip.Addr, error)) (*Config, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("%d bytes are no configuration of an agent", len(b))
	}
	p := hsflowd{lookup: lookup}
	p.c.SamplingOf, p.c.PollingOf = map[string]uint32{}, map[string]time.Duration{}
	var problems []error
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if err := p.line(line); err != nil {
			problems = append(problems, fmt.Errorf("line %d: %w", n, err))
		}
	}
	if p.revision[0] != p.revision[1] {
		return nil, ErrTransition
	}
	if !p.c.Agent.IsValid() {
		problems = append(problems, errors.New("agentIP is missing"))
		return nil, errors.Join(problems...)
	}
	return &p.c, errors.Join(problems...)
}

type hsflowd struct {
	c        Config
	revision [2]string
	lookup   func(host string) (netip.Addr, error)
}

func (p *hsflowd) line(line []byte) (err error) {
	if len(line) > maxLine {
		return fmt.Errorf("longer than %d bytes", maxLine)
	}
	line, _, _ = bytes.Cut(line, []byte("#"))
	words := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(" \t\r\n=", r) })
	if len(words) == 0 {
		return nil
	}
	key, kind, _ := strings.Cut(strings.ToLower(words[0]), ".")
	if !hsflowdKeys[key] {
		return nil
	}
	if len(words) == 1 {
		return fmt.Errorf("%s has no value", words[0])
	}
	value := words[1]
	switch key {
	case "rev_start":
		p.revision[0] = value
	case "rev_end":
		p.revision[1] = value
	case "sampling":
		return p.sampling(kind, value)
	case "polling":
		return p.polling(kind, value)
	case "header":
		p.c.Header, err = number(value, 4096)
	case "datagram":
		p.c.Datagram, err = number(value, 65507)
	case "ds_index":
		var n int
		n, err = number(value, 1<<30)
		p.c.Parent = uint32(n)
	case "agentip":
		p.c.Agent, err = p.address(value)
	case "collector":
		return p.collector(words[1:])
	}
	return err
}

var hsflowdKeys = map[string]bool{"rev_start": true, "rev_end": true, "sampling": true, "polling": true, "header": true, "datagram": true,
	"ds_index": true, "agentip": true, "collector": true}

func number(s string, most int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > uint64(most) {
		return 0, fmt.Errorf("%q is no number from 0 to %d", s, most)
	}
	return int(n), nil
}

func (p *hsflowd) sampling(kind, value string) error {
	n, err := number(value, 1<<31-1)
	if err != nil {
		return err
	}
	if kind == "" {
		p.c.Sampling = uint32(n)
	} else {
		p.c.SamplingOf[kind] = uint32(n)
	}
	return nil
}

func (p *hsflowd) polling(kind, value string) error {
	n, err := number(value, 86400)
	if err != nil {
		return err
	}
	if d := time.Duration(n) * time.Second; kind == "" {
		p.c.Polling = d
	} else {
		p.c.PollingOf[kind] = d
	}
	return nil
}

func (p *hsflowd) address(host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), nil
	}
	a, err := p.lookup(host)
	return a.Unmap(), err
}

// collector reads one of three forms: "ip", "ip port [priority]" and "ip/port/device/namespace", whose last parts may be
// empty or missing.
func (p *hsflowd) collector(words []string) (err error) {
	if len(p.c.Collectors) == maxCollectors {
		return fmt.Errorf("more than %d collectors", maxCollectors)
	}
	host, rest, slashes := strings.Cut(words[0], "/")
	var c Collector
	port := ""
	if slashes {
		parts := append(strings.SplitN(rest, "/", 3), "", "", "")
		port, c.Device, c.Namespace = parts[0], parts[1], parts[2]
	} else if len(words) > 1 {
		port = words[1]
	}
	n := DefaultPort
	if port != "" {
		if n, err = number(port, 65535); err != nil || n == 0 {
			return fmt.Errorf("collector %s: %q is no port", host, port)
		}
	}
	if len(c.Device) > 15 || strings.ContainsAny(c.Device+c.Namespace, "/\x00") || c.Namespace == "." || c.Namespace == ".." {
		return fmt.Errorf("collector %s: %q is no interface, or %q no namespace", host, c.Device, c.Namespace)
	}
	a, err := p.address(host)
	if err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	c.Addr = netip.AddrPortFrom(a, uint16(n))
	p.c.Collectors = append(p.c.Collectors, c)
	return nil
}
