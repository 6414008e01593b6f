package app

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/sflow/agent"
)

// sflowYAML is what tapir.yaml has at sflow.agent.
type sflowYAML struct {
	AgentIP    string            `yaml:"agent_ip"`   // default: the address from which the first collector is reached
	Collectors []string          `yaml:"collectors"` // ADDRESS or ADDRESS:PORT
	Sampling   uint32            `yaml:"sampling"`
	SamplingOf map[string]uint32 `yaml:"sampling_of"` // http
	Polling    string            `yaml:"polling"`     // 20s
	PollingOf  map[string]string `yaml:"polling_of"`
	Header     int               `yaml:"header"`
	Datagram   int               `yaml:"datagram"`
	Parent     uint32            `yaml:"ds_index"`
}

// parseSFlowYAML reads the section sflow.agent of tapir.yaml. What it does not know there is an error; other sections are
// for others.
func parseSFlowYAML(b []byte) (*agent.Config, error) {
	path, err := yaml.PathString("$.sflow.agent")
	if err != nil {
		return nil, err
	}
	node, err := path.ReadNode(bytes.NewReader(b))
	if errors.Is(err, yaml.ErrNotFoundNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var y sflowYAML
	if err := yaml.NodeToValue(node, &y, yaml.Strict()); err != nil {
		return nil, err
	}
	return y.config()
}

func (y *sflowYAML) config() (*agent.Config, error) {
	c := &agent.Config{Sampling: y.Sampling, SamplingOf: map[string]uint32{}, PollingOf: map[string]time.Duration{}, Header: y.Header, Datagram: y.Datagram, Parent: y.Parent}
	for k, n := range y.SamplingOf {
		c.SamplingOf[strings.ToLower(k)] = n
	}
	var err error
	if c.Polling, err = yamlDuration(y.Polling); err != nil {
		return nil, err
	}
	for k, v := range y.PollingOf {
		if c.PollingOf[strings.ToLower(k)], err = yamlDuration(v); err != nil {
			return nil, err
		}
	}
	for _, s := range y.Collectors {
		to, err := ParseCollector(s)
		if err != nil {
			return nil, err
		}
		c.Collectors = append(c.Collectors, agent.Collector{Addr: to})
	}
	if y.AgentIP != "" {
		if c.Agent, err = netip.ParseAddr(y.AgentIP); err != nil {
			return nil, fmt.Errorf("sflow.agent.agent_ip: %w", err)
		}
	} else if len(c.Collectors) > 0 {
		c.Agent, err = SourceAddress(c.Collectors[0].Addr)
	}
	return c, err
}

func yamlDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("sflow.agent: %q is no interval (write 20s)", s)
	}
	return d, nil
}

// ParseCollector reads where a collector is: ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT, or with a name; the port is 6343
// unless it is given.
func ParseCollector(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, agent.DefaultPort), nil
	}
	host, port, err := net.SplitHostPort(s)
	n := uint64(agent.DefaultPort)
	if err != nil {
		host = s
	} else if n, err = strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("collector %q: %q is no port (write 192.0.2.9:6343)", s, port)
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		if a, err = agent.Lookup(host); err != nil {
			return netip.AddrPort{}, fmt.Errorf("collector %q: %w (write 192.0.2.9:6343)", s, err)
		}
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

// ConfigSection is a section of tapir.yaml as its user reads it.
type ConfigSection struct {
	Name  string
	User  string // the command that reads it
	Found string // what it says, in a few words
	Err   error  // why it cannot be used; it shows the line where it can
}

// configSections are the sections there are, each with its reader.
var configSections = map[string]struct {
	user string
	read func(b []byte) (found string, err error)
}{
	"mirror": {"tapir mirror --config", func(b []byte) (string, error) {
		c, err := mirror.ReadConfig(bytes.NewReader(b))
		return fmt.Sprintf("rules: %d", len(c.Rules)), err
	}},
	"sflow": {"tapir sflow agent", func(b []byte) (string, error) {
		c, err := parseSFlowYAML(b)
		if c == nil {
			return "no agent", err
		}
		return fmt.Sprintf("agent, collectors: %d", len(c.Collectors)), err
	}},
}

// CheckConfig reads all sections of a tapir.yaml, in the order of their names. The error says that it is no YAML.
func CheckConfig(b []byte) ([]ConfigSection, error) {
	var all map[string]any
	if err := yaml.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s", yaml.FormatError(err, false, true))
	}
	var out []ConfigSection
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := ConfigSection{Name: name}
		if known, ok := configSections[name]; ok {
			s.User = known.user
			s.Found, s.Err = known.read(b)
		} else {
			s.Err = fmt.Errorf("there is no such section; there are %s", strings.Join(slices.Sorted(maps.Keys(configSections)), " and "))
		}
		out = append(out, s)
	}
	return out, nil
}
