package mirror

import (
	"fmt"
	"net/netip"
	"strings"
)

// Tapir is the output that is no interface of the user's: packets sent there appear on an interface of this name, which
// lives as long as the mirror does and which `tapir record -i tapir` captures from.
const Tapir = "tapir"

// Bounds of a rule set.
const (
	MaxSources = 64
	MaxOutputs = 64 // copies of one packet
)

// Rule copies what its sources receive to its outputs.
type Rule struct {
	From     []string
	To       []Output
	Balance  bool   // each packet goes to one of the outputs, by flow, and not to all
	Filter   string // of pcap-filter(7); "": every packet
	Sample   uint32 // one packet of so many; 0 and 1: every packet
	Truncate uint32 // bytes of a packet to keep; 0: all
	Tag      *Tag   // put on, so that the tool can tell sources apart
	Strip    bool   // VLAN tags are taken off
}

// Tag is a VLAN tag.
type Tag struct {
	ID    uint16 // 1 to 4094
	Outer bool   // of IEEE 802.1ad (0x88a8), not of 802.1Q
}

// Output is an interface, Tapir, or a remote host.
type Output struct {
	Name   string // "" for a remote host
	Remote *Remote
}

// Remote is a host that gets packets through a tunnel.
type Remote struct {
	Kind string // "vxlan" (RFC 7348) or "gre" (RFC 2784, transparent Ethernet bridging)
	Addr netip.Addr
	VNI  uint32 // of VXLAN
	Port uint16 // of VXLAN; 0: 4789
	Rate uint64 // most bits per second, outer headers included; 0: not capped
}

// String names the output as users see it.
func (o Output) String() string {
	if o.Remote == nil {
		return o.Name
	}
	r := o.Remote
	if r.Kind == "gre" {
		return "gre:" + r.Addr.String()
	}
	return fmt.Sprintf("vxlan:%s:%d", r.Addr, r.VNI)
}

// key tells outputs apart: a remote host may get copies on several ports, at several rates.
func (o Output) key() string {
	if o.Remote == nil {
		return o.Name
	}
	return fmt.Sprintf("%s %d %d", o, o.Remote.port(), o.Remote.Rate)
}

// port is where a remote host listens, 0 for GRE.
func (r *Remote) port() uint16 {
	if r.Kind == "vxlan" && r.Port == 0 {
		return vxlanPort
	}
	return r.Port
}

// String writes the rule as it stands in a specification, its options behind it in words.
func (r *Rule) String() string {
	to := make([]string, len(r.To))
	for i, o := range r.To {
		to[i] = o.String()
	}
	s := strings.Join(r.From, "/") + "@" + strings.Join(to, "/")
	if o := r.Options(); o != "" {
		s += " (" + o + ")"
	}
	return s
}

// Options are the rule's options in words, "" if it has none.
func (r *Rule) Options() string {
	var o []string
	if r.Balance {
		o = append(o, "balance")
	}
	if r.Filter != "" {
		o = append(o, fmt.Sprintf("filter %q", r.Filter))
	}
	if r.Sample > 1 {
		o = append(o, fmt.Sprintf("sample 1:%d", r.Sample))
	}
	if r.Truncate > 0 {
		o = append(o, fmt.Sprintf("truncate %d", r.Truncate))
	}
	if r.Strip {
		o = append(o, "strip tags")
	}
	if r.Tag != nil && r.Tag.Outer {
		o = append(o, fmt.Sprintf("tag %d 802.1ad", r.Tag.ID))
	} else if r.Tag != nil {
		o = append(o, fmt.Sprintf("tag %d", r.Tag.ID))
	}
	return strings.Join(o, ", ")
}

// shaped says whether a copy to o differs from the packet.
func (r *Rule) shaped(o Output) bool {
	return r.Truncate > 0 || r.Tag != nil || r.Strip || o.Remote != nil
}

// key identifies what counts together over changes of the rules: equal rules go on counting where they were.
func (r *Rule) key() string {
	s := r.String()
	for _, o := range r.To {
		if o.Remote != nil {
			s += " " + o.key()
		}
	}
	return s
}
