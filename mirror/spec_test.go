package mirror

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror/rtnl"
)

func TestParse(t *testing.T) {
	for _, spec := range []string{"eth1@eth2", "eth1@eth2_eth1@eth3_eth1/eth4@eth5", "a/b/c@d/e/f_g@h"} {
		rules, err := Parse(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if back, ok := Format(rules); !ok || back != spec {
			t.Errorf("%s became %s", spec, back)
		}
	}
}

// Every mistake is shown with its place.
func TestParseErrors(t *testing.T) {
	for spec, want := range map[string]struct {
		part string
		at   int
	}{
		"eth1":                        {"eth1", 0},
		"eth1@eth2_eth3":              {"eth3", 10},
		"my_eth@eth1":                 {"my", 0},
		"eth1@":                       {"eth1@", 0},
		"eth1@eth2_@eth3":             {"@eth3", 10},
		"_eth1@eth2":                  {"_", 0},
		"eth1@eth2_":                  {"_", 9},
		"eth1@eth2__eth3@eth4":        {"_", 10},
		"a@b@c":                       {"a@b@c", 0},
		"eth1//eth2@eth3":             {"", 5},
		"eth1@eth2/":                  {"", 10},
		"eth1@abcdefghijklmnop":       {"abcdefghijklmnop", 5},
		"eth1@eth2_eth1@e th":         {"e th", 15},
		"eth1@a:b":                    {"a:b", 5},
		"..@eth1":                     {"..", 0},
		"\x00@b":                      {"\x00", 0},
		"eth1@eth2_eth1/eth4/..@eth5": {"..", 20},
	} {
		_, err := Parse(spec)
		var bad *SpecError
		if !errors.As(err, &bad) || bad.Part != want.part || bad.At != want.at || bad.Spec != spec {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("eth1@eth2_eth1@eth3_eth1/eth4@eth5")
	f.Add("_@/")
	f.Fuzz(func(t *testing.T, spec string) {
		rules, err := Parse(spec)
		if err != nil {
			var bad *SpecError
			if !errors.As(err, &bad) || bad.At < 0 || bad.At > len(spec) || !strings.HasPrefix(spec[bad.At:], bad.Part) {
				t.Errorf("%q: %#v", spec, err)
			}
			return
		}
		if back, ok := Format(rules); !ok || back != spec {
			t.Errorf("%q became %q", spec, back)
		}
	})
}

func TestCheck(t *testing.T) {
	var links []rtnl.Link
	for i, name := range []string{"eth1", "eth2", "eth3", "eth4", "my_if", "p1", "p2"} {
		links = append(links, rtnl.Link{Index: i + 1, Name: name, Type: unix.ARPHRD_ETHER, Flags: unix.IFF_UP})
	}
	links[0].Peer, links[5].Peer, links[1].Peer, links[6].Peer = 6, 1, 7, 2 // eth1-p1, eth2-p2
	links = append(links, rtnl.Link{Index: 20, Name: "down0", Type: unix.ARPHRD_ETHER}, rtnl.Link{Index: 21, Name: "tun0", Type: unix.ARPHRD_NONE, Flags: unix.IFF_UP})
	for spec, want := range map[string]string{
		"eth1@eth2_eth1@eth3": "",
		"eth1/eth2@eth3/eth4": "",
		"eth1@eth2_p2@eth4":   "",
		"eth1@eth2_p2@p1":     "comes back to it: eth1 -> eth2 -> p2 -> p1 -> eth1",
		"eth1@eth1":           "loop: eth1",
		"eth1@eth2_eth2@eth3": "output eth2 is a source of rule 2",
		"eth1@eth2_eth2@eth1": "loop",
		"eth1@eth2_eth1@eth2": "duplicate: rule 1 sends eth1 to eth2 already",
		"eth1/eth1@eth2":      "stands in it twice",
		"eth1@eth9":           "interface eth9: no such interface; there are: eth1",
		"my@eth2":             "name my_if in a file",
		"eth1@down0":          "down0: interface is down",
		"tun0@eth1":           "no Ethernet header",
		"tapir@eth1":          "output only",
	} {
		rules, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		err = Check(rules, links, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
	many := []Rule{{From: []string{"eth1"}}}
	for i := range 65 {
		name := "o" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		links = append(links, rtnl.Link{Index: 100 + i, Name: name, Type: unix.ARPHRD_ETHER, Flags: unix.IFF_UP})
		many[0].To = append(many[0].To, Output{Name: name})
	}
	if err := Check(many, links, nil); err == nil || !strings.Contains(err.Error(), "eth1 has 65 outputs") {
		t.Errorf("65 outputs: %v", err)
	}
	many[0].To = many[0].To[:64]
	if err := Check(many, links, nil); err != nil {
		t.Errorf("64 outputs: %v", err)
	}
}

func TestReadConfig(t *testing.T) {
	cfg, err := ReadConfig(strings.NewReader(`
record: {anything: else}
mirror:
  mode: tc
  rules:
    - from: [my_if, eth1]
      to: [eth2, {vxlan: 192.0.2.9, vni: 7, rate: 10Mbit}]
      filter: tcp port 80
      sample: 10
      truncate: 128
      tag: 100
    - {from: [eth1], balance: [eth3, eth4], strip: true, tag: {id: 5, type: 802.1ad}}
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := cfg.Rules[0], cfg.Rules[1]
	if cfg.Mode != ModeTC || a.String() != `my_if/eth1@eth2/vxlan:192.0.2.9:7 (filter "tcp port 80", sample 1:10, truncate 128, tag 100)` || a.To[1].Remote.Rate != 10e6 {
		t.Errorf("%+v, %s", cfg, &a)
	}
	if b.String() != "eth1@eth3/eth4 (balance, strip tags, tag 5 802.1ad)" {
		t.Error(&b)
	}
	for text, want := range map[string]string{
		"mirror: {rules: [{from: [a], to: [b], filer: x}]}":              "filer",
		"mirror: {rules: [{from: [a], to: [b], balance: [c, d]}]}":       "to and balance",
		"mirror: {rules: [{from: [a], to: [{vxlan: here}]}]}":            "IP address",
		"mirror: {rules: [{from: [a], to: [{gre: 192.0.2.1, vni: 1}]}]}": "gre has no vni",
		"mirror: {rules: [{from: [a], to: [{rate: 1k}]}]}":               "{vxlan: ADDRESS}",
		"mirror:\n  rules: [&r {from: &f [a], to: *f}, *r]":              "line 2 has an alias",
		"record: {}": "no section mirror",
		"mirror: [1": "mirror",
		"mirror: {rules: [{from: [a], to: [{vxlan: 192.0.2.1, rate: fast}]}]}": "no rate",
	} {
		if _, err := ReadConfig(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
