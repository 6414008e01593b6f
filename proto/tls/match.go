package tls

import (
	"encoding/binary"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
)

// match takes a stream whose first record is a hello, in either direction, or an alert; and one that was picked up in
// its middle if two records or more follow each other as their lengths say.
func match(p *proto.Probe) proto.Verdict {
	verdict, records := proto.No, 0
	for _, b := range p.Data {
		if len(b) == 0 {
			continue
		}
		v, n := matchStream(b)
		if v == proto.Yes {
			return v
		}
		if v == proto.More {
			verdict = proto.More
		}
		records += n
	}
	if records >= 2 {
		return proto.Yes
	}
	return verdict
}

// matchStream judges the first bytes of one direction. n is the number of record headers that follow each other.
func matchStream(b []byte) (v proto.Verdict, n int) {
	if maybe, sure := tlshello.LooksLikeV2(b); sure {
		return proto.Yes, 0
	} else if maybe {
		return proto.More, 0
	}
	if !recordPrefix(b) {
		return proto.No, 0
	}
	if len(b) < headerLen {
		return proto.More, 0
	}
	switch b[0] {
	case typeHandshake:
		if v := matchHello(b); v != proto.No {
			return v, 0
		}
	case typeAlert:
		if binary.BigEndian.Uint16(b[3:]) == 2 {
			return matchAlert(b[headerLen:]), 0
		}
	}
	n, whole := chain(b)
	if n == 0 || !whole {
		return proto.No, n
	}
	return proto.More, n
}

// recordPrefix says whether b, possibly cut, begins with the header of a record.
func recordPrefix(b []byte) bool {
	return b[0] >= typeChangeCipherSpec && b[0] <= typeHeartbeat &&
		(len(b) < 2 || b[1] == 3) && (len(b) < 3 || b[2] <= 4) &&
		(len(b) < headerLen || plausible(b))
}

// plausible says whether b begins with the header of a record that an endpoint would send.
func plausible(b []byte) bool {
	n := int(binary.BigEndian.Uint16(b[3:]))
	return b[0] >= typeChangeCipherSpec && b[0] <= typeHeartbeat && b[1] == 3 && b[2] <= 4 &&
		n <= maxRecord && (n > 0 || b[0] == typeApplicationData)
}

// matchHello says whether a handshake record begins with a ClientHello or ServerHello.
func matchHello(b []byte) proto.Verdict {
	n, b := int(binary.BigEndian.Uint16(b[3:])), b[headerLen:]
	switch {
	case n < msgHeaderLen || len(b) > 0 && b[0] != msgClientHello && b[0] != msgServerHello,
		len(b) > 1 && b[1] > 1, len(b) > 4 && b[4] != 3 && b[4] != 0x7f:
		return proto.No
	case len(b) < 5 && n > len(b):
		return proto.More
	case len(b) < 5:
		return proto.No
	}
	return proto.Yes
}

func matchAlert(b []byte) proto.Verdict {
	if len(b) < 2 {
		return proto.More
	}
	if _, known := tlshello.AlertName(b[1]); known && (b[0] == 1 || b[0] == 2) {
		return proto.Yes
	}
	return proto.No
}

// chain counts the records that stand in b one behind the other; whole is false if something else follows one.
func chain(b []byte) (n int, whole bool) {
	for len(b) >= headerLen {
		if !plausible(b) {
			return n, false
		}
		n++
		b = b[min(len(b), headerLen+int(binary.BigEndian.Uint16(b[3:]))):]
	}
	return n, len(b) == 0 || recordPrefix(b)
}

// matchDTLS takes a datagram that records fill exactly, the first of which is a hello, or at least looks like one of
// an established connection.
func matchDTLS(p *proto.Probe) proto.Verdict {
	b := p.Data[p.Dir]
	if len(b) < dtlsHeaderLen || !plausibleDTLS(b) {
		return proto.No
	}
	n := int(binary.BigEndian.Uint16(b[11:]))
	if b[0] == typeHandshake && binary.BigEndian.Uint16(b[3:]) == 0 {
		return matchMessage(b[dtlsHeaderLen:], n)
	}
	for len(b) > 0 {
		if len(b) < dtlsHeaderLen || !plausibleDTLS(b) {
			return proto.No
		}
		n := dtlsHeaderLen + int(binary.BigEndian.Uint16(b[11:]))
		if n == dtlsHeaderLen || n > len(b) {
			return proto.No
		}
		b = b[n:]
	}
	return proto.Yes
}

// matchMessage says whether a handshake message or a fragment of one begins a DTLS record of n bytes.
func matchMessage(b []byte, n int) proto.Verdict {
	if len(b) < dtlsMsgHeader || b[0] > msgLast {
		return proto.No
	}
	size, off, length := uint24(b[1:]), uint24(b[6:]), uint24(b[9:])
	if off+length > size || length > n-dtlsMsgHeader || n > maxRecord {
		return proto.No
	}
	return proto.Yes
}

// plausibleDTLS says whether b begins with the header of a record of DTLS 1.0, 1.2 or OpenSSL's forerunner of it.
func plausibleDTLS(b []byte) bool {
	v := binary.BigEndian.Uint16(b[1:])
	return b[0] >= typeChangeCipherSpec && b[0] <= typeACK && (v == 0xfeff || v == 0xfefd || v == 0x0100) &&
		int(binary.BigEndian.Uint16(b[11:])) <= maxRecord
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
