package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror/rtnl"
)

// Whatever stands in a file, it is refused or gives rules that can be checked, shown and sent to the mirror that runs.
func FuzzReadConfig(f *testing.F) {
	f.Add("mirror: {mode: tc, pass: true, rules: [{from: [my_if, eth1], to: [eth2, tapir], filter: tcp port 80, sample: 10, truncate: 128}]}")
	f.Add("mirror:\n  rules:\n    - from: [eth1]\n      balance: [eth2, {vxlan: 192.0.2.9, vni: 7, port: 4790, rate: 10Mbit}, {gre: 2001:db8::9, rate: 1.5k}]\n      strip: true\n      tag: {id: 5, type: 802.1ad}\n")
	f.Add("mirror: &a {rules: [*a]}")
	f.Add("mirror: {rules: [{from: [a], to: [b], tag: -1}]}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		cfg, err := ReadConfig(strings.NewReader(text))
		if err == nil {
			useRules(t, cfg.Rules)
		}
	})
}

// Whatever comes over the control socket, it is refused or is a request whose rules can be checked and shown.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"do":"status"}`))
	f.Add([]byte(`{"do":"set","rules":[{"From":["eth1"],"To":[{"Name":"eth2"},{"Remote":{"Kind":"vxlan","Addr":"192.0.2.9","VNI":7,"Rate":8}}],"Tag":{"ID":5}}]}`))
	f.Add([]byte(`{"do":"set","rules":[{"To":[{"Name":"eth2","Remote":{"Kind":"gre","Addr":"fe80::1%eth0"}}]}]}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readRequest(bytes.NewReader(b))
		if err == nil {
			useRules(t, m.Rules)
		}
	})
}

// useRules does with rules what is done with those of a user.
func useRules(t *testing.T, rules []Rule) {
	links := []rtnl.Link{{Index: 1, Name: "eth1", Type: unix.ARPHRD_ETHER, Flags: unix.IFF_UP}, {Index: 2, Name: "eth2", Type: unix.ARPHRD_ETHER, Flags: unix.IFF_UP}}
	accepted := Check(rules, links, nil) == nil
	for i := range rules {
		_ = rules[i].String()
		for _, o := range rules[i].To {
			if accepted && o.Remote != nil {
				if n := len(o.Remote.header(make([]byte, 6), make([]byte, 6), o.Remote.Addr)); n != 38 && n != 50 && n != 58 && n != 70 {
					t.Errorf("%s: a tunnel's header of %d bytes, which the program does not know", o, n)
				}
			}
		}
	}
	b, err := json.Marshal(rules)
	if err != nil {
		if accepted {
			t.Errorf("rules that are accepted have no JSON: %v", err)
		}
		return
	}
	var back []Rule
	if err := json.Unmarshal(b, &back); err != nil {
		t.Errorf("%s: %v", b, err)
	}
}

// The control socket answers what it does not understand with an error, reads no more than a bound, and never hands it on.
func TestControlStrangers(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "control"))
	if err != nil {
		t.Fatal(err)
	}
	c, requests, served := &control{l}, make(chan request), make(chan struct{})
	go func() { defer close(served); c.serve(ctx, requests) }()
	silent, err := net.Dial("unix", l.Addr().String()) // says nothing: it keeps nobody from being answered, and the end from coming
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for text, want := range map[string]string{
		"{}x{":                                 "",
		"nonsense":                             "request: invalid character",
		`{"do":`:                               "request: unexpected EOF",
		`{"do":"` + strings.Repeat("x", 2<<20): "request: longer than 1048576 bytes",
	} {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn.Write([]byte(text)) // fails where the answer comes first
			conn.(*net.UnixConn).CloseWrite()
		}()
		if want == "" {
			r := <-requests
			r.reply <- reply{Error: "understood"}
			want = "understood"
		}
		var r reply
		if err := json.NewDecoder(conn).Decode(&r); err != nil || !strings.Contains(r.Error, want) {
			t.Errorf("%.20s: %v, %q, want %q", text, err, r.Error, want)
		}
		conn.Close()
	}
	stop()
	c.close()
	<-served
}

// Copies to one host on two ports, or at two rates, are told apart; the same host at two rates is a mistake.
func TestRemoteIdentity(t *testing.T) {
	at := func(port uint16, rate uint64) Output {
		return Output{Remote: &Remote{Kind: "vxlan", Addr: netip.MustParseAddr("192.0.2.9"), VNI: 7, Port: port, Rate: rate}}
	}
	if a, b := at(0, 0), at(4790, 0); a.key() == b.key() || at(4789, 0).key() != a.key() {
		t.Errorf("%s, %s", a.key(), b.key())
	}
	if err := checkForm([]Rule{{From: []string{"a"}, To: []Output{at(0, 0), at(4790, 0)}}}); err != nil {
		t.Error(err)
	}
	if err := checkForm([]Rule{{From: []string{"a"}, To: []Output{at(0, 8000), at(4789, 9000)}}}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a host at two rates: %v", err)
	}
}

func TestRates(t *testing.T) {
	for text, want := range map[string]string{"500kbit": "500kbit", "1.5Gbit": "1500Mbit", "1000000000": "1Gbit", "1234": "1234bit", "10M/s": "10Mbit"} {
		rate, err := ParseRate(text)
		back, _ := ParseRate(FormatRate(rate))
		if err != nil || FormatRate(rate) != want || back != rate {
			t.Errorf("%s: %d, %s, %v", text, rate, FormatRate(rate), err)
		}
	}
}
