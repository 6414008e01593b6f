package packet

import "github.com/tapir-project/tapir/record"

// Decode fills d from the packet p. It never fails: Verdict says how far it came. d's slices borrow p.Data.
func Decode(d *Decoded, p *record.Packet) {
	d.reset()
	n := max(len(p.Data), int(p.WireLen))
	if p.Link == record.LinkEthernet { // the common case needs no table
		d.ethernet(p.Data, n)
		return
	}
	d.link(p.Link, p.Data, n)
}

// DecodeIP fills d's network and transport part from a reassembled IP datagram (header included, fragment fields
// cleared), keeping the link and tunnel part that d already has from its last fragment.
func DecodeIP(d *Decoded, ip []byte) {
	d.resetIP()
	d.ip(ip, len(ip), 0)
}
