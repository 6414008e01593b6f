// Package traffic makes up sessions and transactions that look like those of an office network behind a few thousand
// web sites: 45 % HTTP, 30 % DNS, 20 % TLS, 5 % other; hosts, addresses and paths follow Zipf's law, so that a few are
// seen all the time and most of them once. The same seed gives the same records.
//
// Benchmarks of the stores use it; nothing of it reads packets.
package traffic

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/record"
)

// Config says what traffic to make up. The zero Config is ready to use.
type Config struct {
	Seed  uint64
	Start int64 // ns; 0: 2026-11-21 08:00 UTC
	// Every is the mean time between sessions, ns; 0: 1.44 ms, so that 5 million take two hours.
	Every   int64
	Clients int // addresses inside; 0: 4000
	Hosts   int // sites; 0: 20000
	Paths   int // different paths over all sites; 0: 1.5 million
}

// Source makes records, one session after the other in the order of their starts.
type Source struct {
	c       Config
	r       *rand.Rand
	client  *zipf
	host    *zipf
	path    *zipf
	now     int64
	n       uint32
	agents  [][]byte
	scratch []byte
	s       session
}

// session is what the session being made has in common with its transaction.
type session struct {
	src, dst     record.Addr
	sport, dport uint16
	proto        uint8
	host         int
	in, out      int64 // payload bytes
	start, end   int64
	id           record.ID
}

// New makes a source.
func New(c Config) *Source {
	if c.Start == 0 {
		c.Start = 1_795_248_000e9
	}
	setDefault(&c.Clients, 4000)
	setDefault(&c.Hosts, 20_000)
	setDefault(&c.Paths, 1_500_000)
	if c.Every == 0 {
		c.Every = 1_440_000
	}
	s := &Source{c: c, r: rand.New(rand.NewPCG(c.Seed, 1)), now: c.Start}
	s.client, s.host, s.path = newZipf(c.Clients, 0.7), newZipf(c.Hosts, 0.9), newZipf(c.Paths, 0.45)
	for i := range 60 {
		s.agents = append(s.agents, []byte("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"+strconv.Itoa(90+i)+".0.0.0 Safari/537.36"))
	}
	return s
}

func setDefault(n *int, d int) {
	if *n == 0 {
		*n = d
	}
}

// Now is the start of the session made last, ns.
func (s *Source) Now() int64 { return s.now }

// Session fills r with the next session.
func (s *Source) Session(r *record.Record) {
	s.now += 1 + int64(s.r.ExpFloat64()*float64(s.c.Every))
	s.n++
	r.Reset()
	r.Kind, r.Final = record.KindSession, true
	switch p := s.r.IntN(100); {
	case p < 45:
		s.http(r)
	case p < 75:
		s.dns(r)
	case p < 95:
		s.tls(r)
	default:
		s.other(r)
	}
}

// ends chooses who talks to whom.
func (s *Source) ends(dport uint16, proto uint8) {
	x := &s.s
	c := s.client.pick(s.r)
	x.host = s.host.pick(s.r)
	x.src, x.dst = clientAddr(c), hostAddr(x.host)
	x.sport, x.dport, x.proto = uint16(32768+s.r.IntN(28000)), dport, proto
}

func clientAddr(i int) record.Addr {
	return record.AddrFrom4([]byte{10, byte(1 + i>>12), byte(i >> 4), byte(10 + i&15)})
}

func hostAddr(i int) record.Addr {
	h := uint32(i) * 2654435761
	if i%16 == 15 { // some sites answer on IPv6
		a := record.Addr{0x2a, 0x02, 0x26, 0xf0}
		binary.BigEndian.PutUint32(a[8:], h)
		a[15] = 1
		return a
	}
	return record.AddrFrom4([]byte{byte(23 + h>>24%180), byte(h >> 16), byte(h >> 8), byte(h)})
}

// common adds what every session has. dur is its length in ns.
func (s *Source) common(r *record.Record, dur, in, out int64, app string) {
	x, v := &s.s, &r.Values
	x.start, x.end, x.in, x.out = s.now, s.now+dur, in, out
	key, _ := record.NewFlowKey(x.src, x.dst, x.sport, x.dport, x.proto)
	x.id = record.NewID(s.now, key.Hash(), 0)
	r.Start, r.End, r.ID, r.Session = x.start, x.end, x.id, x.id
	transport, head := "tcp", int64(66)
	if x.proto == 17 {
		transport, head = "udp", 42
	}
	v.PutAddr(fSrcIP, x.src)
	v.PutAddr(fDstIP, x.dst)
	v.PutInt(fSrcPort, int64(x.sport))
	v.PutInt(fDstPort, int64(x.dport))
	v.PutInt(fProto, int64(x.proto))
	v.PutString(fTransport, transport)
	v.PutString(fType, [...]string{"ipv4", "ipv6"}[b2i(!x.dst.Is4())])
	v.PutInt(fEthertype, 2048)
	v.AddString(fProtocol, transport)
	v.AddString(fProtocol, app)
	sp, dp := 1+in/1400, 1+out/1400
	if x.proto == 6 {
		sp, dp = sp+3+dp/2, dp+3+sp/2
	}
	sb, db := in+sp*head, out+dp*head
	for _, p := range [...]struct {
		f record.FieldID
		n int64
	}{{fSrcPackets, sp}, {fDstPackets, dp}, {fSrcBytes, sb}, {fDstBytes, db}, {fClientBytes, in}, {fServerBytes, out},
		{fPackets, sp + dp}, {fBytes, sb + db}, {fDataBytes, in + out}, {fDuration, dur}, {fLength, dur / 1e6}, {fSegments, 1}} {
		v.PutInt(p.f, p.n)
	}
	v.AddInt(fSrcTTL, 64)
	v.AddInt(fDstTTL, int64(48+x.host%14))
	v.PutText(fSrcMAC, s.mac(int(x.src[15])+int(x.src[14])<<8))
	v.PutString(fDstMAC, "00:1b:21:0a:0b:0c")
	v.PutString(fIface, "eth1")
	s.scratch = communityid.Append(s.scratch[:0], x.src, x.dst, x.sport, x.dport, x.proto)
	v.PutText(fCommunity, s.scratch)
	if x.proto == 6 {
		s.tcp(v, sp, dp)
	} else {
		v.PutString(fState, "timeout")
	}
}

func (s *Source) tcp(v *record.Values, sp, dp int64) {
	rtt := int64(5e6 + s.r.ExpFloat64()*20e6)
	v.PutString(fState, "fin")
	v.PutInt(fSyn, 1)
	v.PutInt(fSynAck, 1)
	v.PutInt(fAck, (sp+dp)/2)
	v.PutInt(fPsh, 1+(sp+dp)/3)
	v.PutInt(fFin, 2)
	v.PutInt(fSeqSrc, int64(s.r.Uint32()))
	v.PutInt(fSeqDst, int64(s.r.Uint32()))
	v.PutInt(fHandshake, rtt)
	v.PutInt(fInitRTT, rtt/2e6)
	v.PutInt(fSrcRTT, int64(s.r.ExpFloat64()*1e6))
	v.PutInt(fDstRTT, rtt)
	if s.r.IntN(20) == 0 {
		v.PutInt(fDstRetrans, int64(1+s.r.IntN(5)))
	}
	if s.r.IntN(25) == 0 {
		v.PutInt(fDstOOO, int64(1+s.r.IntN(5)))
	}
}

func (s *Source) mac(n int) []byte {
	s.scratch = append(s.scratch[:0], "3c:52:82:"...)
	s.scratch = hex.AppendEncode(s.scratch, []byte{byte(n >> 8)})
	s.scratch = append(s.scratch, ':')
	s.scratch = hex.AppendEncode(s.scratch, []byte{byte(n)})
	return append(s.scratch, ":07"...)
}

func (s *Source) hostName(i int) []byte {
	d := s.scratch[:0]
	if i%3 != 0 {
		d = append(d, [...]string{"", "www.", "cdn."}[i%3]...)
	}
	d = append(d, "site"...)
	d = strconv.AppendInt(d, int64(i), 10)
	s.scratch = append(d, [...]string{".example.com", ".example.org", ".example.net", ".test"}[i%4]...)
	return s.scratch
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// zipf picks numbers below n, i with a weight of 1/(i+1)^exp, by the inverse of the distribution's integral.
type zipf struct{ n, exp float64 }

func newZipf(n int, exp float64) *zipf { return &zipf{n: float64(n), exp: exp} }

func (z *zipf) pick(r *rand.Rand) int {
	k := 1 - z.exp
	return int(math.Pow(r.Float64()*(math.Pow(z.n+1, k)-1)+1, 1/k)) - 1
}
