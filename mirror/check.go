package mirror

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror/rtnl"
	"github.com/tapir-project/tapir/source"
)

// Check says what is wrong with rules on a host with these interfaces, as one error for the first mistake, which names
// the rule and the interface. present tells of an interface that it was there when the rules were first accepted: it may
// have vanished or be down since. A nil function says so of none.
func Check(rules []Rule, links []rtnl.Link, present func(string) bool) error {
	if err := checkForm(rules); err != nil {
		return err
	}
	if err := checkLoops(rules, links); err != nil {
		return err
	}
	for i := range rules {
		for _, name := range rules[i].interfaces() {
			if err := checkInterface(links, name, present != nil && present(name)); err != nil {
				return inRule(rules, i, err)
			}
		}
	}
	return checkSizes(rules)
}

// inRule says in which rule an error is.
func inRule(rules []Rule, i int, err error) error {
	return fmt.Errorf("mirror rule %d, %s: %w", i+1, &rules[i], err)
}

// interfaces are those that a rule names.
func (r *Rule) interfaces() []string {
	names := slices.Clone(r.From)
	for _, o := range r.To {
		if o.Remote == nil && o.Name != Tapir {
			names = append(names, o.Name)
		}
	}
	return names
}

// checkForm finds mistakes that need no interfaces to be seen.
func checkForm(rules []Rule) error {
	if len(rules) == 0 {
		return &SpecError{Reason: "there are no rules: " + example}
	}
	seen := map[string]int{}
	for i := range rules {
		r := &rules[i]
		if err := r.check(); err != nil {
			return inRule(rules, i, err)
		}
		for _, from := range r.From {
			for _, o := range r.To {
				if o.Remote != nil { // another rate makes no other output
					remote := *o.Remote
					remote.Rate = 0
					o.Remote = &remote
				}
				one := Rule{From: []string{from}, To: []Output{o}, Filter: r.Filter, Sample: r.Sample, Truncate: r.Truncate, Tag: r.Tag, Strip: r.Strip}
				k := one.key()
				if first, ok := seen[k]; ok && first == i {
					return inRule(rules, i, fmt.Errorf("%s stands in it twice", &one))
				} else if ok {
					return inRule(rules, i, fmt.Errorf("duplicate: rule %d sends %s to %s already (leave one of them out)", first+1, from, o))
				}
				seen[k] = i
			}
		}
	}
	return nil
}

// check finds mistakes in one rule.
func (r *Rule) check() error {
	switch {
	case len(r.From) == 0:
		return fmt.Errorf("it has no source (from: [eth1])")
	case len(r.To) == 0:
		return fmt.Errorf("it has no output (to: [eth2], or balance: [eth2, eth3])")
	case r.Balance && len(r.To) < 2:
		return fmt.Errorf("balance needs two outputs or more")
	case r.Tag != nil && (r.Tag.ID < 1 || r.Tag.ID > 4094):
		return fmt.Errorf("tag %d: VLANs have numbers from 1 to 4094", r.Tag.ID)
	case r.Truncate > 0 && r.Truncate < minTruncate:
		return fmt.Errorf("truncate %d: keep at least %d bytes, the smallest Ethernet frame without its checksum", r.Truncate, minTruncate)
	}
	for _, name := range r.From {
		if name == Tapir {
			return fmt.Errorf("%s is where the recorder gets its copy: it can be an output only", Tapir)
		}
	}
	for _, name := range r.interfaces() {
		if reason := badName(name); reason != "" {
			return fmt.Errorf("%q: %s", name, reason)
		}
	}
	for _, o := range r.To {
		switch {
		case o.Name == Tapir && r.shaped(o):
			return fmt.Errorf("the recorder gets packets whole and as they are: truncate with tapir record --snaplen, and write a rule of its own for @%s", Tapir)
		case o.Remote != nil:
			if err := o.Remote.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

const minTruncate = 60

func (r *Remote) check() error {
	switch {
	case r.Kind != "vxlan" && r.Kind != "gre":
		return fmt.Errorf("tunnel %q: want vxlan or gre", r.Kind)
	case !r.Addr.IsValid() || r.Addr.IsUnspecified() || r.Addr.IsMulticast() || r.Addr.IsLoopback():
		return fmt.Errorf("%s to %s: want the address of another host", r.Kind, r.Addr)
	case r.VNI >= 1<<24:
		return fmt.Errorf("vni %d: want at most %d", r.VNI, 1<<24-1)
	}
	return nil
}

// checkLoops refuses what would come round: an output that is a source, of the same rule or of another; and, through
// veth pairs of this host, an output whose other end is a source from which the packet gets back to where it began.
func checkLoops(rules []Rule, links []rtnl.Link) error {
	sources := map[string]int{} // the first rule that reads from it
	outputs := map[string][]string{}
	for i := range rules {
		for _, from := range rules[i].From {
			if _, ok := sources[from]; !ok {
				sources[from] = i
			}
			for _, o := range rules[i].To {
				if o.Remote == nil {
					outputs[from] = append(outputs[from], o.Name)
				}
			}
		}
	}
	for i := range rules {
		for _, o := range rules[i].To {
			if at, ok := sources[o.Name]; ok && o.Remote == nil && at == i {
				return inRule(rules, i, fmt.Errorf("loop: %s is a source and an output of it", o.Name))
			} else if ok && o.Remote == nil {
				return inRule(rules, i, fmt.Errorf("loop: its output %s is a source of rule %d, %s (an interface can be one or the other)", o.Name, at+1, &rules[at]))
			}
		}
	}
	peers := vethPeers(links)
	names := make([]string, 0, len(sources))
	for s := range sources {
		names = append(names, s)
	}
	sort.Strings(names)
	for _, s := range names {
		if road := roundTrip(s, s, outputs, peers, nil); road != nil {
			return inRule(rules, sources[s], fmt.Errorf("loop: what %s receives comes back to it: %s", s, strings.Join(road, " -> ")))
		}
	}
	return nil
}

// roundTrip finds a road from source at to source end over outputs and veth pairs, nil if there is none.
func roundTrip(at, end string, outputs map[string][]string, peers map[string]string, road []string) []string {
	road = append(road, at)
	for _, out := range outputs[at] {
		peer := peers[out]
		switch {
		case peer == "" || outputs[peer] == nil:
			continue
		case peer == end:
			return append(slices.Clone(road), out, end)
		case slices.Contains(road, peer):
			continue
		}
		if found := roundTrip(peer, end, outputs, peers, append(slices.Clone(road), out)); found != nil {
			return found
		}
	}
	return nil
}

// vethPeers are the veth pairs with both ends here.
func vethPeers(links []rtnl.Link) map[string]string {
	byIndex := map[int]string{}
	for _, l := range links {
		byIndex[l.Index] = l.Name
	}
	peers := map[string]string{}
	for _, l := range links {
		if l.Peer != 0 && !l.Abroad {
			peers[l.Name] = byIndex[l.Peer]
		}
	}
	return peers
}

// checkInterface finds what is wrong with one interface.
func checkInterface(links []rtnl.Link, name string, present bool) error {
	i := slices.IndexFunc(links, func(l rtnl.Link) bool { return l.Name == name })
	switch {
	case i < 0 && present:
		return nil
	case i < 0:
		return unknown(links, name)
	case links[i].Type != unix.ARPHRD_ETHER && links[i].Type != unix.ARPHRD_LOOPBACK:
		return fmt.Errorf("interface %s has no Ethernet header (its type is %d); only Ethernet can be mirrored", name, links[i].Type)
	case !links[i].Up() && !present:
		return fmt.Errorf("interface %s: %w (try: ip link set %s up)", name, source.ErrDown, name)
	}
	return nil
}

// unknown is the error for an interface that does not exist; it helps with names that contain the separator.
func unknown(links []rtnl.Link, name string) error {
	var all []string
	hint := ""
	for _, l := range links {
		all = append(all, l.Name)
		if strings.Contains(l.Name, "_") && slices.Contains(strings.Split(l.Name, "_"), name) {
			hint = fmt.Sprintf(`; "_" separates rules: name %s in a file, with --config`, l.Name)
		}
	}
	return fmt.Errorf("interface %s: %w; there are: %s%s", name, source.ErrNoInterface, strings.Join(all, ", "), hint)
}

// checkSizes holds the bounds of the programs.
func checkSizes(rules []Rule) error {
	copies := map[string]int{}
	for i := range rules {
		for _, from := range rules[i].From {
			if copies[from] += len(rules[i].To); copies[from] > MaxOutputs {
				return inRule(rules, i, fmt.Errorf("%s has %d outputs; a source can have %d", from, copies[from], MaxOutputs))
			}
			if len(copies) > MaxSources {
				return inRule(rules, i, fmt.Errorf("%s is source number %d; there can be %d", from, len(copies), MaxSources))
			}
		}
	}
	return nil
}
