package query

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// The edges of the IPv4 addresses among all 16-byte ones.
var (
	lowest     = record.Addr{}
	below4     = record.AddrFrom(netip.MustParseAddr("::fffe:ffff:ffff"))
	first4     = record.AddrFrom(netip.MustParseAddr("0.0.0.0"))
	last4      = record.AddrFrom(netip.MustParseAddr("255.255.255.255"))
	above4     = record.AddrFrom(netip.MustParseAddr("::1:0:0:0"))
	highest    = record.AddrFrom(netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))
	everyV4    = AddrRange{first4, last4}
	everyV6    = []AddrRange{{lowest, below4}, {above4, highest}}
	ipExpected = []string{"an address", "a network such as 10.0.0.0/8 or 10.0", "ip:port", ":port", "ipv4", "ipv6"}
)

// address binds a value of an address field.
func (b *binder) address(f *record.Field, a *ask, v *value) (item, *Error) {
	if v.kind == regexValue {
		return item{}, errAt(v.at, "%s is an address; it takes no regular expression", a.name.text).expect(ipExpected...)
	}
	addr, port, ok := splitPort(v.text)
	var ranges []AddrRange
	if ok && addr != "" {
		ranges, ok = addrRanges(addr)
	}
	if !ok {
		e := errAt(v.at, "%s is not an address", quote(v.text)).expect(ipExpected...)
		if strings.ContainsAny(v.text, "*?") {
			e.Msg += "; wildcards are for text, networks are written 10.0.0.0/8 or 10.0"
		}
		return item{}, e
	}
	if a.op != opEq {
		if port != "" {
			return item{}, errAt(v.at, "a port cannot be compared together with an address").expect("an address")
		}
		return compareAddr(a, v, ranges)
	}
	if port == "" {
		return item{match: addrMatchers(ranges)}, nil
	}
	return b.endpoint(f, a, v, ranges, port)
}

// endpoint binds ip:port and :port: the address and the port of the same end of a connection.
func (b *binder) endpoint(f *record.Field, a *ask, v *value, ranges []AddrRange, port string) (item, *Error) {
	pf := portOf(f, b.o.Kind)
	if pf == nil && a.any {
		return item{}, nil
	}
	if pf == nil {
		return item{}, errAt(v.at, "%s has no port of its own", a.name.text).expect("an address without a port")
	}
	lo, hi, ok := intRange(pf, port)
	if !ok {
		return item{}, errAt(v.at, "%s is not a port", quote(port)).expect("0-65535", "a service's name")
	}
	ports := &Test{Field: pf, Match: []Matcher{IntRange{lo, hi}}}
	if ranges == nil {
		return item{expr: ports}, nil
	}
	return item{expr: And{&Test{Field: f, Match: addrMatchers(ranges)}, ports}}, nil
}

// portOf is the field with the port that belongs to an address field, nil if it has none: source.port to source.ip,
// fd.cport to fd.cip, stun.mappedPort to stun.mappedIp.
func portOf(f *record.Field, kind record.Kind) *record.Field {
	for _, end := range [...][2]string{{"ip", "port"}, {"Ip", "Port"}, {"ips", "ports"}} {
		base, ok := strings.CutSuffix(f.Name, end[0])
		if !ok {
			continue
		}
		if pf, ok := record.Lookup(base + end[1]); ok && pf.Name == base+end[1] && isPortField(pf) && pf.Stored() && pf.Kinds.Has(kind) {
			return pf
		}
	}
	return nil
}

func addrMatchers(ranges []AddrRange) []Matcher {
	out := make([]Matcher, len(ranges))
	for i, r := range ranges {
		out[i] = r
	}
	return out
}

// compareAddr binds <, <=, > and >= within the family of the address. A network is compared by its first address with
// < and >=, by its last with > and <=.
func compareAddr(a *ask, v *value, ranges []AddrRange) (item, *Error) {
	if a.list != single {
		return item{}, errAt(a.opAt, "%s takes one value", a.op)
	}
	lo, hi := ranges[0].Lo, ranges[len(ranges)-1].Hi
	var r AddrRange
	ok := true
	first, last := lowest, highest
	if lo.Is4() {
		first, last = first4, last4
	}
	switch a.op {
	case opLt:
		ok = lo != first
		r = AddrRange{first, step(lo, -1)}
	case opLe:
		r = AddrRange{first, hi}
	case opGt:
		ok = hi != last
		r = AddrRange{step(hi, 1), last}
	case opGe:
		r = AddrRange{lo, last}
	}
	if !ok {
		return item{}, errAt(v.at, "no address is %s %s", a.op, v.text)
	}
	return item{match: addrMatchers(without4(r))}, nil
}

// step is the address next to a.
func step(a record.Addr, by int) record.Addr {
	for i := len(a) - 1; i >= 0; i-- {
		a[i] += byte(by)
		if by > 0 && a[i] != 0 || by < 0 && a[i] != 0xff {
			break
		}
	}
	return a
}

// without4 takes the IPv4 addresses out of a range of IPv6 ones.
func without4(r AddrRange) (out []AddrRange) {
	if r.Lo.Is4() && r.Hi.Is4() {
		return []AddrRange{r}
	}
	if lessAddr(r.Lo, first4) {
		low := r
		if !lessAddr(r.Hi, first4) {
			low.Hi = below4
		}
		out = append(out, low)
	}
	if lessAddr(last4, r.Hi) {
		high := r
		if !lessAddr(last4, r.Lo) {
			high.Lo = above4
		}
		out = append(out, high)
	}
	return out
}

func lessAddr(a, b record.Addr) bool { return string(a[:]) < string(b[:]) }

// splitPort takes the port off ip:port, :port and the v6 form ip.port. With one colon it is a port if what stands
// before could be the beginning of an IPv4 address, so that fe80:1 and 2001:db8 are prefixes of IPv6 addresses.
func splitPort(s string) (addr, port string, ok bool) {
	colons := strings.Count(s, ":")
	switch {
	case colons == 0:
		return s, "", true
	case strings.HasPrefix(s, ":") && !strings.HasPrefix(s, "::"):
		return "", s[1:], len(s) > 1 && colons == 1
	case colons == 1:
		addr, port, _ := strings.Cut(s, ":")
		if _, ok := range4(addr); ok && port != "" && isPort(port) {
			return addr, port, true
		}
		return s, "", true
	}
	if _, ok := addrRanges(s); ok {
		return s, "", true
	}
	if i := strings.LastIndexByte(s, '.'); i > 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", true
}

// isPort says whether s is a port, a range of ports or a service's name.
func isPort(s string) bool {
	_, _, ok := intRange(portField, s)
	return ok
}

var portField, _ = record.Lookup("source.port")

// addrRanges reads an address, a network, the beginning of an address, a range, ipv4 or ipv6.
func addrRanges(s string) ([]AddrRange, bool) {
	switch strings.ToLower(s) {
	case "ipv4":
		return []AddrRange{everyV4}, true
	case "ipv6":
		return everyV6, true
	}
	for _, sep := range []string{"..", "-"} {
		if lo, hi, ok := strings.Cut(s, sep); ok && lo != "" && hi != "" {
			return spanOf(lo, hi)
		}
	}
	r, ok := oneRange(s)
	if !ok {
		return nil, false
	}
	return without4(r), true
}

// oneRange reads an address, a network or the beginning of an address.
func oneRange(s string) (AddrRange, bool) {
	if r, ok := range4(s); ok {
		return r, true
	}
	return range6(s)
}

// spanOf is the range from the first address of lo to the last of hi; both are of one family.
func spanOf(lo, hi string) ([]AddrRange, bool) {
	a, ok1 := oneRange(lo)
	b, ok2 := oneRange(hi)
	if !ok1 || !ok2 || strings.Contains(lo, ":") != strings.Contains(hi, ":") || lessAddr(b.Hi, a.Lo) {
		return nil, false
	}
	return without4(AddrRange{a.Lo, b.Hi}), true
}

// range4 reads an IPv4 address, a network a.b.c.d/n, or the beginning of an address: 1.2.3 and 1.2.3. are 1.2.3.0/24.
// Octets that are missing before a /n are 0.
func range4(s string) (r AddrRange, ok bool) {
	host, mask, masked := strings.Cut(s, "/")
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(parts) > 4 || host == "" || len(parts) == 4 && strings.HasSuffix(host, ".") {
		return r, false
	}
	var ip [4]byte
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil || len(p) > 3 {
			return r, false
		}
		ip[i] = byte(n)
	}
	bits := 8 * len(parts)
	if masked {
		if bits, ok = maskBits(mask, 32); !ok {
			return r, false
		}
	}
	return network(record.AddrFrom4(ip[:]), 96+bits), true
}

// range6 reads an IPv6 address, a network, or the beginning of an address: fe80:1 and fe80:1: are fe80:1::/32.
func range6(s string) (r AddrRange, ok bool) {
	host, mask, masked := strings.Cut(s, "/")
	bits := 128
	ip, err := netip.ParseAddr(host)
	if err != nil {
		groups := strings.Count(strings.TrimSuffix(host, ":"), ":") + 1
		if groups > 7 || strings.Contains(host, "::") || !strings.Contains(host, ":") {
			return r, false
		}
		bits = 16 * groups
		ip, err = netip.ParseAddr(strings.TrimSuffix(host, ":") + "::")
	}
	if err != nil || ip.Zone() != "" || !ip.Is6() {
		return r, false
	}
	if masked {
		if bits, ok = maskBits(mask, 128); !ok {
			return r, false
		}
	}
	return network(record.AddrFrom(ip), bits), true
}

func maskBits(s string, most int) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil && int(n) <= most && len(s) <= 3
}

// network is the range of the addresses that share the first bits of a.
func network(a record.Addr, bits int) AddrRange {
	r := AddrRange{a, a}
	for i := range a {
		m := byte(0xff) << (8 - min(max(bits-8*i, 0), 8))
		r.Lo[i] &= m
		r.Hi[i] |= ^m
	}
	return r
}
