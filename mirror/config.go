package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// maxConfig bounds a configuration file, bytes.
const maxConfig = 1 << 20

// fileMirror is the section of a configuration file that is for the mirror.
type fileMirror struct {
	Mode  string     `yaml:"mode"`
	Pass  bool       `yaml:"pass"`
	Rules []fileRule `yaml:"rules"`
}

type fileRule struct {
	From     []string `yaml:"from"`
	To       []output `yaml:"to"`
	Balance  []output `yaml:"balance"`
	Filter   string   `yaml:"filter"`
	Sample   uint32   `yaml:"sample"`
	Truncate uint32   `yaml:"truncate"`
	Tag      *tag     `yaml:"tag"`
	Strip    bool     `yaml:"strip"`
}

// tag is a number, or {id: 100, type: 802.1ad}.
type tag struct{ Tag }

func (t *tag) UnmarshalYAML(n ast.Node) error {
	if yaml.NodeToValue(n, &t.ID) == nil {
		return nil
	}
	var long struct {
		ID   uint16 `yaml:"id"`
		Type string `yaml:"type"`
	}
	if err := yaml.NodeToValue(n, &long, yaml.Strict()); err != nil {
		return err
	}
	if long.Type != "" && long.Type != "802.1q" && long.Type != "802.1ad" {
		return fmt.Errorf("tag of type %q: want 802.1q or 802.1ad", long.Type)
	}
	t.ID, t.Outer = long.ID, long.Type == "802.1ad"
	return nil
}

// output is a name, {vxlan: 192.0.2.9, vni: 7, port: 4789, rate: 100Mbit} or {gre: 192.0.2.9, rate: 1Gbit}.
type output struct{ Output }

func (o *output) UnmarshalYAML(n ast.Node) error {
	if yaml.NodeToValue(n, &o.Name) == nil {
		return nil
	}
	var long struct {
		VXLAN string `yaml:"vxlan"`
		GRE   string `yaml:"gre"`
		VNI   uint32 `yaml:"vni"`
		Port  uint16 `yaml:"port"`
		Rate  string `yaml:"rate"`
	}
	if err := yaml.NodeToValue(n, &long, yaml.Strict()); err != nil {
		return err
	}
	if (long.VXLAN == "") == (long.GRE == "") {
		return fmt.Errorf("an output is a name, {vxlan: ADDRESS} or {gre: ADDRESS}")
	}
	r := &Remote{Kind: "vxlan", VNI: long.VNI, Port: long.Port}
	if long.GRE != "" {
		r.Kind = "gre"
		if long.VNI != 0 || long.Port != 0 {
			return fmt.Errorf("gre has no vni and no port; these belong to vxlan")
		}
	}
	var err error
	if r.Addr, err = netip.ParseAddr(long.VXLAN + long.GRE); err != nil {
		return fmt.Errorf("%s to %q: want an IP address", r.Kind, long.VXLAN+long.GRE)
	}
	if long.Rate != "" {
		if r.Rate, err = ParseRate(long.Rate); err != nil {
			return err
		}
	}
	o.Remote = r
	return nil
}

// ParseRate reads bits per second: 500kbit, 10Mbit, 1Gbit, 1000000.
func ParseRate(s string) (uint64, error) {
	num, unit := strings.TrimSuffix(s, "/s"), 1.0
	num = strings.TrimSuffix(num, "bit")
	for suffix, n := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if rest, ok := strings.CutSuffix(num, suffix); ok {
			num, unit = rest, n
			break
		}
	}
	n, err := strconv.ParseFloat(num, 64)
	if err != nil || !(n*unit >= 8 && n*unit <= 1e12) {
		return 0, fmt.Errorf("%q is no rate (write 500kbit, 10Mbit, 1Gbit)", s)
	}
	return uint64(n * unit), nil
}

// FormatRate writes bits per second as ParseRate reads them, in the largest unit that loses nothing.
func FormatRate(rate uint64) string {
	for _, unit := range []struct {
		suffix string
		n      uint64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if rate >= unit.n && rate%unit.n == 0 {
			return fmt.Sprintf("%d%sbit", rate/unit.n, unit.suffix)
		}
	}
	return fmt.Sprintf("%dbit", rate)
}

// ReadConfig reads the section `mirror` of a YAML file. Unknown keys in it are errors that show their line.
func ReadConfig(r io.Reader) (Config, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return Config{}, err
	}
	if len(b) > maxConfig {
		return Config{}, fmt.Errorf("mirror: the file is larger than %d bytes", maxConfig)
	}
	path, err := yaml.PathString("$.mirror")
	if err != nil {
		return Config{}, err
	}
	node, err := path.ReadNode(bytes.NewReader(b))
	if errors.Is(err, yaml.ErrNotFoundNode) || err == nil && node == nil {
		return Config{}, fmt.Errorf("the file has no section mirror (mirror: {rules: [{from: [eth1], to: [eth2]}]})")
	}
	if err != nil {
		return Config{}, fmt.Errorf("mirror: %s", yaml.FormatError(err, false, true))
	}
	var found aliases
	if ast.Walk(&found, node); found > 0 {
		return Config{}, fmt.Errorf("mirror: line %d has an alias (*name), which this section does not follow; write it out", found)
	}
	var f fileMirror
	if err := yaml.NodeToValue(node, &f, yaml.Strict()); err != nil {
		return Config{}, fmt.Errorf("mirror: %s", yaml.FormatError(err, false, true))
	}
	cfg := Config{Mode: f.Mode, Pass: f.Pass}
	for i, fr := range f.Rules {
		rule, err := fr.rule()
		if err != nil {
			return Config{}, &SpecError{Rule: i + 1, Reason: err.Error()}
		}
		cfg.Rules = append(cfg.Rules, rule)
	}
	return cfg, nil
}

// aliases is the line of an alias, 0 before one is found. Aliases of lists of aliases grow without bound when they are
// followed.
type aliases int

// Visit looks at one node.
func (a *aliases) Visit(n ast.Node) ast.Visitor {
	if _, ok := n.(*ast.AliasNode); ok && *a == 0 {
		*a = aliases(n.GetToken().Position.Line)
	}
	return a
}

func (f *fileRule) rule() (Rule, error) {
	r := Rule{From: f.From, Filter: f.Filter, Sample: f.Sample, Truncate: f.Truncate, Strip: f.Strip}
	if f.Tag != nil {
		t := f.Tag.Tag
		r.Tag = &t
	}
	to := f.To
	if len(f.Balance) > 0 {
		if len(to) > 0 {
			return r, fmt.Errorf("it has to and balance; write one rule for each")
		}
		to, r.Balance = f.Balance, true
	}
	for _, o := range to {
		r.To = append(r.To, o.Output)
	}
	return r, nil
}
