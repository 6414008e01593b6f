package tls

import (
	"bytes"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
)

// handshake is what is known of the handshake under way, whatever carries it. tx is nil while there is none.
type handshake struct {
	tx       *proto.Transaction
	client   proto.Dir // who sent the ClientHello, or did not send the ServerHello
	dtls     bool
	hello    [2]bool // the client's, the server's hello was read
	version  uint16  // negotiated; 0 before the ServerHello
	offered  uint16  // version in the fixed part of the ClientHello
	offers13 bool
	random   [32]byte // the client's
	id       [32]byte // the client's session id
	idLen    uint8
	sameID   bool // the server took the client's session id
	ticket   bool // the client has a session ticket
	psk      bool // the server took the client's pre-shared key
	retry    bool // the server asked for another ClientHello
	keys     bool // a key exchange was seen
	asked    bool // the server asked for the client's certificate
	certs    [2]bool
	done     [2]bool // the direction's Finished was seen, or what can only come behind it
	alerts   int
	bytes    [2]int64 // sent by each direction
	unread   int64    // bytes left unread because of a bound, of all handshakes of the connection
}

// side is the index of dir's sender in hello and certs: 0 is the client, 1 the server.
func (h *handshake) side(dir proto.Dir) int {
	if dir == h.client {
		return 0
	}
	return 1
}

// sent counts bytes of the handshake as they are on the wire, record headers included.
func (h *handshake) sent(dir proto.Dir, n int) { h.bytes[dir] += int64(n) }

// cut counts bytes that are left unread because of a bound; uncounted notes their sum when the connection is over.
func (h *handshake) cut(n int) { h.unread += int64(n) }

func (h *handshake) uncounted(f *proto.Flow) {
	if h.unread > 0 {
		f.Set.AddInt(fCutBytes, h.unread)
		h.unread = 0
	}
}

// begin starts a transaction; client is who is taken for it, at the time of the first byte.
func (h *handshake) begin(f *proto.Flow, dir, client proto.Dir, at int64) {
	if h.tx != nil {
		h.emit(f, false)
	}
	h.tx = f.Begin(dir)
	h.tx.Start, h.tx.Reverse, h.client, h.version = at, client == proto.ToClient, client, 0
}

// message reads a handshake message in the clear. body may be the beginning of one that is beyond bounds.
func (h *handshake) message(f *proto.Flow, dir proto.Dir, typ byte, body []byte, at int64) {
	switch typ {
	case msgClientHello:
		h.clientHello(f, dir, body, at)
	case msgServerHello:
		h.serverHello(f, dir, body, at)
	case msgHelloVerifyRequest:
		if h.dtls && h.tx != nil {
			h.retried(f)
		}
	case msgOldHelloRetry:
		if h.tx != nil && !h.dtls {
			h.retried(f)
		}
	case msgCertificate:
		h.certificates(f, dir, body)
	case msgServerKeyExchange, msgClientKeyExchange:
		h.keys = true
	case msgCertificateRequest:
		h.asked = true
	case msgCertificateStatus:
		h.certificateStatus(body)
	}
}

func (h *handshake) clientHello(f *proto.Flow, dir proto.Dir, body []byte, at int64) {
	var hello tlshello.ClientHello
	if !hello.Parse(body, h.dtls) {
		return
	}
	again := h.tx != nil && h.retry && dir == h.client && h.hello[0]
	if h.dtls && h.tx == nil && bytes.Equal(hello.Random, h.random[:]) || h.dtls && h.hello[0] && !again && bytes.Equal(hello.Random, h.random[:]) {
		return // sent again
	}
	p := clientSession(f.Set, &hello, h.carrier())
	if again {
		return // the answer to a HelloRetryRequest: the transaction describes the first
	}
	h.begin(f, dir, dir, at)
	h.remember(&hello)
	clientDetail(&h.tx.Values, &hello, &p)
	h.tx.Resource(hello.ServerName)
}

// remember keeps of the client's hello what later messages are understood by.
func (h *handshake) remember(hello *tlshello.ClientHello) {
	h.hello[0], h.offered, h.offers13 = true, hello.Version, tlshello.IsTLS13(hello.MaxVersion())
	h.idLen = uint8(copy(h.id[:], hello.SessionID))
	h.ticket = len(hello.Ticket) > 0
	clear(h.random[:])
	copy(h.random[:], hello.Random)
}

// clientHelloV2 reads a ClientHello in the form of SSL 2.0. There are no fingerprints of these.
func (h *handshake) clientHelloV2(f *proto.Flow, dir proto.Dir, b []byte) bool {
	var hello tlshello.ClientHello
	if !hello.ParseV2(b) {
		return false
	}
	f.Set.AddText(fClientSessionID, hexText(hello.SessionID))
	h.begin(f, dir, dir, f.First(dir))
	h.remember(&hello)
	clientDetailV2(&h.tx.Values, &hello)
	return true
}

func (h *handshake) carrier() byte {
	if h.dtls {
		return tlshello.OverDTLS
	}
	return tlshello.OverTCP
}

func (h *handshake) serverHello(f *proto.Flow, dir proto.Dir, body []byte, at int64) {
	var hello tlshello.ServerHello
	if !hello.Parse(body) || h.tx != nil && h.hello[0] && dir == h.client {
		return
	}
	if h.tx == nil {
		h.begin(f, dir, dir.Other(), at)
		h.tx.Note(proto.NoteNoRequest)
	}
	ja3 := serverSession(f, &hello)
	h.version = hello.Version
	if hello.Retry {
		h.retried(f)
		return
	}
	if h.hello[1] {
		return
	}
	h.hello[1] = true
	h.psk = hello.PSK
	h.sameID = h.idLen > 0 && bytes.Equal(h.id[:h.idLen], hello.SessionID)
	serverDetail(&h.tx.Values, &hello, ja3[:])
}

// serverHelloV2 reads a ServerHello of SSL 2.0.
func (h *handshake) serverHelloV2(f *proto.Flow, dir proto.Dir, b []byte) bool {
	var hello tlshello.V2ServerHello
	if h.tx == nil || !hello.Parse(b) {
		return false
	}
	h.hello[1], h.version, h.sameID = true, hello.Version, hello.SessionHit
	f.Set.AddString(fVersion, tlshello.VersionName(hello.Version))
	if len(hello.Certificate) > 0 {
		h.certificate(f, 1, 0, hello.Certificate)
	}
	return true
}

// retried notes that the server wants another ClientHello.
func (h *handshake) retried(f *proto.Flow) {
	if !h.retry {
		h.retry = true
		f.Set.AddBool(fHelloRetry, true)
		h.tx.Values.AddBool(fHelloRetry, true)
	}
}

// certificates reads a Certificate message up to TLS 1.2: a chain, the sender's own first (RFC 5246 §7.4.2).
func (h *handshake) certificates(f *proto.Flow, dir proto.Dir, b []byte) {
	side := h.side(dir)
	if len(b) < 3 || h.certs[side] {
		return
	}
	b = b[3:]
	n, sound := 0, 0
	for ; len(b) > 3 && n < maxChain; n++ {
		size := uint24(b)
		if size > len(b)-3 {
			break // cut, or no X.509 at all: a raw public key (RFC 7250)
		}
		if h.certificate(f, side, n, b[3:3+size]) {
			sound++
		}
		b = b[3+size:]
	}
	if n == maxChain {
		h.cut(len(b))
	}
	h.certs[side] = sound > 0
	if sound > 0 && side == 1 {
		f.Set.AddInt(fCertCount, int64(sound))
	}
}

// certificate reads the n-th certificate of a chain and says whether it is one. Sessions have the server's as cert.*.
func (h *handshake) certificate(f *proto.Flow, side, n int, b []byte) bool {
	var c certificate
	c.parse(b)
	if !c.sound {
		return false
	}
	if side == 1 {
		certSession(f.Set, &c, f.Time)
	} else if n == 0 {
		ownerSession(f.Set, &c)
	}
	if h.tx != nil {
		certDetail(&h.tx.Values, &c, &certFields[side], n)
	}
	return true
}

// certificateStatus reads the response status of a stapled OCSP response (RFC 6066 §8, 6960 §4.2.1).
func (h *handshake) certificateStatus(b []byte) {
	if h.tx == nil || len(b) < 4 || b[0] != 1 {
		return
	}
	status := (&der{b: b[4:]}).want(tagSequence).in().next()
	if status.tag == tagEnumerated && len(status.body) == 1 && !h.tx.Values.Has(fOCSP) {
		h.tx.Values.PutString(fOCSP, ocspStatus(status.body[0]))
	}
}

// alertRecord reads a record of alerts in the clear.
func (h *handshake) alertRecord(f *proto.Flow, dir proto.Dir, b []byte) {
	if len(b) != 2 || h.alerts >= maxAlerts {
		return
	}
	h.alerts++
	f.Set.AddText(fAlert, appendAlert(nil, b[1]))
	if h.tx == nil {
		return
	}
	alertDetail(h.tx, b[0], b[1], h.side(dir))
}

// sealed notes an encrypted record with n bytes of content and says whether the handshake is finished with it. What
// counts as a direction's Finished is: up to TLS 1.2 an encrypted handshake message, in TLS 1.3 the first encrypted
// record of the server and the first of the client behind that (before it is early data); or application data where
// the rest was not captured.
func (h *handshake) sealed(f *proto.Flow, dir proto.Dir, typ byte, n int) bool {
	switch {
	case h.tx == nil, typ != typeHandshake && typ != typeApplicationData:
		return false
	case tlshello.IsTLS13(h.version) || h.version == 0 && h.offers13 && typ == typeApplicationData:
		if dir == h.client && !h.done[dir.Other()] {
			return false
		}
		if sealedAlert(n) {
			h.tx.Note("The " + sides[h.side(dir)] + " ended it: encrypted alert")
			return false
		}
	}
	h.done[dir] = true
	if !h.done[dir.Other()] {
		return false
	}
	h.emit(f, true)
	return true
}

// sealedAlert says whether an encrypted record of TLS 1.3 can only be an alert: two bytes, one for the type and the
// tag, of 16 bytes or of 8 with the CCM_8 suites. No handshake message is as short.
func sealedAlert(n int) bool { return n == 2+1+16 || n == 2+1+8 }

var sides = [2]string{"client", "server"}

// gap notes that bytes are missing.
func (h *handshake) gap(dir proto.Dir) {
	switch {
	case h.tx == nil:
	case dir == h.client:
		h.tx.Note(proto.NoteRequestGap)
	default:
		h.tx.Note(proto.NoteResponseGap)
	}
}

// emit gives the transaction away: the handshake is finished, or will not be.
func (h *handshake) emit(f *proto.Flow, established bool) {
	t := h.tx
	t.Failed = !established
	if established {
		t.End = f.Time
	}
	if n := h.bytes[h.client]; n > 0 {
		t.BytesIn = n
	}
	if n := h.bytes[h.client.Other()]; n > 0 {
		t.BytesOut = n
	}
	h.outcome(f, t, established)
	f.Emit(t)
	*h = handshake{dtls: h.dtls, client: h.client, version: h.version, random: h.random, alerts: h.alerts, unread: h.unread}
}

// abandon ends the connection, and a handshake that it leaves unfinished.
func (h *handshake) abandon(f *proto.Flow) {
	h.uncounted(f)
	if h.tx == nil {
		return
	}
	if h.hello[0] && h.bytes[h.client.Other()] == 0 {
		h.tx.Note(proto.NoteNoResponse)
	}
	h.emit(f, false)
}

// outcome writes what is known only at the end.
func (h *handshake) outcome(f *proto.Flow, t *proto.Transaction, established bool) {
	version := h.version
	if version == 0 {
		version = h.offered // nothing was negotiated
	}
	resumed, method := h.resumption(established)
	versionDetail(&t.Values, version)
	t.Values.AddBool(fEstablished, established)
	t.Values.AddBool(fResumed, resumed)
	t.Values.PutString(fResumptionMethod, method)
	t.Values.AddBool(fCertRequested, h.asked)
	f.Set.AddBool(fEstablished, established)
	f.Set.AddBool(fResumed, resumed)
	if h.version != 0 {
		protocol, _ := tlshello.VersionParts(h.version)
		f.Set.AddString(fVersionProtocol, protocol)
	}
}

// resumption says whether and how an earlier session was resumed. In TLS 1.3 the server says so. Before, neither a
// certificate nor a key exchange was needed; a client with a ticket sends a session id of its own making beside it
// (RFC 5077 §3.4), so the ticket is taken for the means.
func (h *handshake) resumption(established bool) (bool, string) {
	switch {
	case tlshello.IsTLS13(h.version):
		if h.psk {
			return true, "psk"
		}
	case h.keys || h.certs[0] || h.certs[1] || !h.hello[1]:
	case h.ticket && (established || h.sameID):
		return true, "ticket"
	case h.sameID:
		return true, "id"
	}
	return false, ""
}
