package proto

import "github.com/tapir-project/tapir/record"

// Dir is the direction of bytes within a flow.
type Dir uint8

// The two directions.
const (
	ToServer Dir = iota // sent by the client, the end that opened the flow
	ToClient            // sent by the server
)

// Other is the opposite direction.
func (d Dir) Other() Dir { return d ^ 1 }

// Transport is what carries a protocol. Values are bits, so that a protocol can name several.
type Transport uint8

// The carriers.
const (
	TCP  Transport = 1 << iota // reassembled byte stream
	UDP                        // datagrams
	SCTP                       // data chunks as datagrams
	IP                         // directly above IP, chosen by Protocol.Numbers (IP protocol numbers)
	Link                       // directly above the link layer, chosen by Protocol.Numbers (ethertypes)
	Sub                        // a stream inside a connection that another protocol opened with Flow.Open
)

// Stream says whether bytes come as a stream rather than as messages with borders.
func (t Transport) Stream() bool { return t&(TCP|Sub) != 0 }

// Verdict is what detection makes of the first bytes of a flow.
type Verdict uint8

// The verdicts.
const (
	No   Verdict = iota // not this protocol
	More                // cannot say yet: ask again when there are more bytes
	Yes                 // this protocol
)

// Protocol describes a protocol to the pipeline. It is immutable and shared by all workers.
type Protocol struct {
	Name      string    // as network.protocol shows it, lower case
	Type      string    // of its transactions; Name if empty
	Transport Transport // what carries it
	Ports     []uint16  // well-known ports: tried before the others there, and taken if nothing else matches and PortOnly
	Numbers   []uint16  // IP protocol numbers or ethertypes, for Transport IP and Link
	// PortOnly says that the port alone is enough when no protocol's Match said Yes.
	PortOnly bool
	// Match looks at the first bytes of a flow. It must be cheap and may not keep p. nil means: chosen by Numbers,
	// by PortOnly, or by another protocol's Switch only.
	Match func(p *Probe) Verdict
	// New makes the state for one flow. nil means that detecting the protocol is all: its name is noted.
	New func() Parser
}

// TransactionType is the type of the protocol's transactions.
func (p *Protocol) TransactionType() string {
	if p.Type != "" {
		return p.Type
	}
	return p.Name
}

// Probe is what detection knows of a flow.
type Probe struct {
	Transport Transport
	Dir       Dir       // direction to look at; on a stream each that has bytes is asked about in turn
	Data      [2][]byte // the first bytes of each direction, at most ProbeBytes; for datagrams, the latest one
	Port      [2]uint16 // client's and server's port
}

// ProbeBytes bounds how much of a direction detection looks at before it gives up.
const ProbeBytes = 2048

// HasPort says whether either end's port is p.
func (p *Probe) HasPort(port uint16) bool { return p.Port[0] == port || p.Port[1] == port }

// Parser is the state of one protocol on one flow. Calls come from one goroutine.
type Parser interface {
	// Parse gets the bytes of dir that are not consumed yet and returns how many it consumes. On a stream the rest
	// is offered again, with more behind it, when more has come (or when Flow.Need bytes are there); a message
	// transport gives one message a call and drops the rest. b is borrowed until Parse returns. f.Time is the time
	// of the packet that brought the last byte of b, f.First(dir) of the one that brought the first.
	Parse(f *Flow, dir Dir, b []byte) int
	// Gap tells that n bytes of dir were lost before what comes next. Unconsumed bytes before the gap are gone.
	Gap(f *Flow, dir Dir, n int)
	// Close tells that dir has ended: FIN, or the end of the flow. Each direction is closed once, at the end of a
	// flow first ToServer and then ToClient. After both are closed nothing follows: emit what is pending.
	Close(f *Flow, dir Dir)
}

// Waker is a Parser that asked to be woken (Flow.Wake): to give up on a response that does not come.
type Waker interface {
	Wake(f *Flow, now int64)
}

// MaxBuffer bounds the unconsumed bytes kept for one direction of a flow. A parser that consumes nothing of a full
// buffer loses it as a gap.
const MaxBuffer = 1 << 20

// DefaultTimeout is how long a request waits for its response, in packet time, before it is emitted without one.
const DefaultTimeout = int64(10e9)

// Fields every transaction has.
var (
	fMethod   = record.MustID("method")
	fResource = record.MustID("resource")
	fPath     = record.MustID("path")
	fQuery    = record.MustID("query")
	fError    = record.MustID("error.message")
	fProtocol = record.MustID("network.protocol")
)
