package packet

import "github.com/tapir-project/tapir/record"

// Decode fills d from the packet p. It never fails: Verdict says how far it came. d's slices borrow p.Data.
func Decode(d *Decoded, p *record.Packet) { panic("not yet") }

// DecodeIP fills d's network and transport part from a reassembled IP datagram (header included, fragment fields
// cleared), keeping the link and tunnel part that d already has from its last fragment.
func DecodeIP(d *Decoded, ip []byte) { panic("not yet") }
