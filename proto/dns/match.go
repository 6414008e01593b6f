package dns

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/proto"
)

const portNetBIOS = 137 // its name service has the same header, and names that only look like DNS names

// match finds DNS by its content. On its own port a plausible header with a readable question will do; elsewhere
// every byte that is there must make sense.
func match(p *proto.Probe) proto.Verdict {
	b := p.Data[p.Dir]
	home := p.HasPort(53)
	if p.Transport.Stream() {
		return saneStream(b, !home)
	}
	if home {
		return verdict(sane(b))
	}
	// Nearly all that is not DNS ends here: exactly one question.
	if len(b) < headerBytes+minQuestion || b[4] != 0 || b[5] != 1 || p.HasPort(portNetBIOS) {
		return proto.No
	}
	return verdict(strict(b))
}

// matchPort finds what speaks DNS's format on a port of its own.
func matchPort(p *proto.Probe, port uint16) proto.Verdict {
	if !p.HasPort(port) {
		return proto.No
	}
	if p.Transport.Stream() {
		return saneStream(p.Data[p.Dir], false)
	}
	return verdict(sane(p.Data[p.Dir]))
}

func verdict(yes bool) proto.Verdict {
	if yes {
		return proto.Yes
	}
	return proto.No
}

// saneStream looks at the start of a stream, where a message has its length before it.
func saneStream(b []byte, picky bool) proto.Verdict {
	const need = 2 + headerBytes
	if len(b) >= 2 && int(binary.BigEndian.Uint16(b)) < headerBytes {
		return proto.No
	}
	if len(b) >= 8 && picky && (b[6] != 0 || b[7] != 1) {
		return proto.No
	}
	if len(b) < need {
		return proto.More
	}
	n := int(binary.BigEndian.Uint16(b))
	h := parseHeader(b[2:])
	if !saneHeader(&h, n) {
		return proto.No
	}
	if len(b)-2 < n && len(b) < need+maxWireName+4 {
		return proto.More // the question may not be there yet
	}
	msg := b[2:min(len(b), 2+n)]
	if picky {
		return verdict(strictQuestion(msg, &h) != notAName)
	}
	return verdict(sane(msg))
}

// saneHeader says whether the header of a message of n bytes is plausible: an operation that exists, and no more
// questions and records than n bytes can hold.
func saneHeader(h *header, n int) bool {
	return h.opcode() <= opDSO && h.opcode() != 3 &&
		headerBytes+int(h.counts[0])*minQuestion <= n && h.records() <= n/minRecord+1
}

// sane says whether b is likely to be a message, its end perhaps cut off by the capture.
func sane(b []byte) bool {
	if len(b) < headerBytes {
		return false
	}
	h := parseHeader(b)
	if !saneHeader(&h, max(len(b), 512)) {
		return false
	}
	if h.counts[0] == 0 {
		return h.response() || h.opcode() == opDSO || h.records() > 0
	}
	next := skipName(b, headerBytes)
	return next != notAName && next+4 <= len(b)
}

// strict says whether b can hardly be anything but a whole message.
func strict(b []byte) bool {
	h := parseHeader(b)
	if !saneHeader(&h, len(b)) {
		return false
	}
	end := strictQuestion(b, &h)
	if end == notAName {
		return false
	}
	if h.records() == 0 {
		return end == len(b)
	}
	next := skipName(b, end)
	if next == notAName || next+minRecord-1 > len(b) {
		return false
	}
	typ, size := binary.BigEndian.Uint16(b[next:]), int(binary.BigEndian.Uint16(b[next+8:]))
	return knownType(typ) && next+minRecord-1+size <= len(b)
}

// strictQuestion returns the end of the only question of a message if header and question agree with all that the
// RFCs say of them, or notAName.
func strictQuestion(b []byte, h *header) int {
	const asked = bitAA | bitRA | 15 // what only a response sets
	if h.counts[0] != 1 || h.bits&bitZ != 0 {
		return notAName
	}
	if !h.response() && h.opcode() == opQuery && (h.bits&asked != 0 || h.counts[answers] != 0) {
		return notAName
	}
	off := headerBytes
	for {
		if off >= len(b) || b[off] >= 64 {
			return notAName
		}
		n := int(b[off])
		off++
		if n == 0 {
			break
		}
		if off+n > len(b) || off-headerBytes > maxWireName || !hostLabel(b[off:off+n]) {
			return notAName
		}
		off += n
	}
	if off+4 > len(b) {
		return notAName
	}
	typ, class := binary.BigEndian.Uint16(b[off:]), binary.BigEndian.Uint16(b[off+2:])
	if !knownType(typ) || class != classIN && class != 3 && class != classANY && class != classNONE {
		return notAName
	}
	return off + 4
}

// hostLabel says whether a label has only the characters that names have in practice.
func hostLabel(label []byte) bool {
	for _, c := range label {
		switch c = plain[c]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '*', c == '/':
		default:
			return false
		}
	}
	return true
}
