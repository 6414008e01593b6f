package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapir-project/tapir/proto"
)

// wire notes what both ends of a connection write, in order.
type wire struct {
	mu   sync.Mutex
	segs []segment
}

type end struct {
	net.Conn
	w   *wire
	dir proto.Dir
}

func (e end) Write(b []byte) (int, error) {
	e.w.mu.Lock()
	e.w.segs = append(e.w.segs, segment{e.dir, append([]byte(nil), b...), int64(len(e.w.segs) + 1)})
	e.w.mu.Unlock()
	return e.Conn.Write(b)
}

// converse runs a handshake between two ends of crypto/tls and a byte of data each way.
func converse(t *testing.T, client, server *tls.Config) (segs []segment, state tls.ConnectionState, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // not net.Pipe: a server writes tickets before it reads
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, err := l.Accept()
		if err != nil {
			return
		}
		defer b.Close()
		s := tls.Server(end{b, w, proto.ToClient}, server)
		if s.Handshake() == nil {
			_, _ = s.Read(make([]byte, 1))
			_, _ = s.Write([]byte("b"))
		}
	}()
	c := tls.Client(end{a, w, proto.ToServer}, client)
	if err = c.Handshake(); err == nil {
		_, _ = c.Write([]byte("a"))
		_, _ = c.Read(make([]byte, 1))
	}
	state = c.ConnectionState()
	a.Close()
	<-done
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.segs, state, err
}

func selfSigned(t testing.TB, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1000), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Unix(1.7e9, 0), NotAfter: time.Unix(2e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What the ends say of their connection is what we make of its bytes.
func TestAgainstCryptoTLS(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{selfSigned(t, "srv.example.org")}, NextProtos: []string{"x", "h2"}, MinVersion: tls.VersionTLS10, ClientAuth: tls.RequestClientCert}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{InsecureSkipVerify: true, ServerName: "srv.example.org", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS10, MaxVersion: version,
			ClientSessionCache: tls.NewLRUClientSessionCache(4), Certificates: []tls.Certificate{selfSigned(t, "cli.example.org")}}
		for round := range 2 {
			segs, state, err := converse(t, client, server)
			if err != nil {
				t.Fatal(err)
			}
			x := newTape(proto.TCP, Protocol).play(segs).close()
			if len(x.txs) != 1 {
				t.Fatalf("%s: %d transactions", tls.VersionName(version), len(x.txs))
			}
			agree(t, x.txs[0], state, round)
		}
	}
}

func agree(t *testing.T, tx txn, state tls.ConnectionState, round int) {
	t.Helper()
	name := tls.VersionName(state.Version)
	for field, want := range map[string]string{
		"tls.detailed.version": name, "tls.cipher": tls.CipherSuiteName(state.CipherSuite), "tls.client.server_name": "srv.example.org",
		"tls.established": "true", "tls.resumed": map[bool]string{true: "true", false: "false"}[state.DidResume],
	} {
		if got := tx.get(field); got != want {
			t.Errorf("%s, round %d: %s is %q, want %q", name, round, field, got, want)
		}
	}
	if state.DidResume != (round == 1) {
		t.Errorf("%s, round %d: the test itself did not resume", name, round)
	}
	visible := state.Version < tls.VersionTLS13
	alpn, sum, client := "", "", ""
	if visible {
		alpn = state.NegotiatedProtocol
	}
	if visible && !state.DidResume {
		h := sha1Of(state.PeerCertificates[0].Raw)
		sum, client = strings.ToUpper(hex.EncodeToString(h[:])), "CN=cli.example.org"
	}
	if tx.get("tls.next_protocol") != alpn || tx.get("tls.server.hash.sha1") != sum || tx.get("tls.client.subject") != client {
		t.Errorf("%s, round %d: %v", name, round, tx.text)
	}
}

func sha1Of(der []byte) [20]byte {
	var c certificate
	c.parse(der)
	return c.sha1
}

// A client that refuses the server's certificate in TLS 1.3 says so in an encrypted record: the handshake is not
// established for that.
func TestRefusedInTLS13(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{selfSigned(t, "srv.example.org")}}
	segs, _, err := converse(t, &tls.Config{ServerName: "other.example.org", RootCAs: x509.NewCertPool()}, server)
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		t.Fatalf("the test itself went wrong: %v", err)
	}
	x := newTape(proto.TCP, Protocol).play(segs).close()
	if len(x.txs) != 1 || !x.txs[0].Failed || x.txs[0].get("tls.established") != "false" || x.txs[0].get("error.message") != "The client ended it: encrypted alert" {
		t.Errorf("%+v", x.txs)
	}
}
