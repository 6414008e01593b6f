package proto

import "github.com/tapir-project/tapir/record"

// Transaction is one request with its response, or a message that has none. Get one from Flow.Begin, fill it, and
// give it to Flow.Emit or Flow.Drop; it is reused afterwards.
type Transaction struct {
	Start    int64 // time of the first packet of the request; of the response if there is no request
	Answered int64 // time of the first packet of the response: Start to Answered is its duration; 0: End counts
	End      int64 // time of the last packet of the response; 0 if there is none, then there is no duration either
	BytesIn  int64 // bytes of the request as sent, headers of its protocol included; <0 if there was no request
	BytesOut int64 // bytes of the response; <0 if there was none
	Failed   bool  // status Error instead of OK
	// Reverse says that the request went ToClient: the flow's server asked, its client answered.
	Reverse bool
	Values  record.Values // what the protocol says, network.protocol excepted

	id   uint64 // Pending's key
	next *Transaction
}

// Latency is how long the client waited for the response to begin, in ns.
func (t *Transaction) Latency() int64 {
	if t.Answered != 0 {
		return max(t.Answered-t.Start, 0)
	}
	return max(t.End-t.Start, 0)
}

// Method sets what was asked for: GET, SELECT, QUERY.
func (t *Transaction) Method(s []byte) { put(t, fMethod, s) }

// Resource sets what the request is about: a key, a host name, a collection.
func (t *Transaction) Resource(s []byte) { put(t, fResource, s) }

// Path sets the path or address the request went to.
func (t *Transaction) Path(s []byte) { put(t, fPath, s) }

// Query sets the request in one line.
func (t *Transaction) Query(s []byte) { put(t, fQuery, s) }

func put(t *Transaction, id record.FieldID, s []byte) {
	if !t.Values.Has(id) {
		t.Values.PutText(id, s)
	}
}

// Note adds a sentence about what was wrong with the exchange or its capture (error.message).
func (t *Transaction) Note(s string) { t.Values.AddString(fError, s) }

func (t *Transaction) reset() {
	v := t.Values
	v.Reset()
	*t = Transaction{Values: v, BytesIn: -1, BytesOut: -1}
}

// Notes that every protocol words alike.
const (
	NoteNoResponse  = "Unmatched request"
	NoteNoRequest   = "Unmatched response"
	NoteRequestGap  = "Packet loss while capturing the request"
	NoteResponseGap = "Packet loss while capturing the response"
)

// Pending holds requests that wait for their responses, in order of arrival. The zero Pending is empty. At most
// Max wait (default 512); the oldest is emitted as unanswered when one more comes.
type Pending struct {
	head, tail *Transaction
	n          int
	Max        int
}

// Len is the number of waiting requests.
func (p *Pending) Len() int { return p.n }

// First is the oldest waiting request, nil if there is none.
func (p *Pending) First() *Transaction { return p.head }

// Add makes t wait under id; id does not matter where responses come in order.
func (p *Pending) Add(f *Flow, id uint64, t *Transaction) {
	limit := p.Max
	if limit == 0 {
		limit = 512
	}
	for p.n >= limit {
		p.unanswered(f, p.Next())
	}
	t.id, t.next = id, nil
	if p.tail == nil {
		p.head = t
	} else {
		p.tail.next = t
	}
	p.tail = t
	p.n++
}

// Next takes the oldest waiting request: pairing by order. nil if there is none.
func (p *Pending) Next() *Transaction {
	t := p.head
	if t != nil {
		p.unlink(nil, t)
	}
	return t
}

// Take takes the oldest request waiting under id: pairing by id. nil if there is none.
func (p *Pending) Take(id uint64) *Transaction {
	var prev *Transaction
	for t := p.head; t != nil; prev, t = t, t.next {
		if t.id == id {
			p.unlink(prev, t)
			return t
		}
	}
	return nil
}

// Expire emits as unanswered what has waited since before now-timeout (ns), and says when the next one is due, 0 if
// nothing waits. Call it from Wake and hand the result to Flow.Wake.
func (p *Pending) Expire(f *Flow, now, timeout int64) (next int64) {
	for p.head != nil && now-p.head.Start >= timeout {
		p.unanswered(f, p.Next())
	}
	if p.head == nil {
		return 0
	}
	return p.head.Start + timeout
}

// Flush emits everything that waits as unanswered: the flow is over.
func (p *Pending) Flush(f *Flow) {
	for p.head != nil {
		p.unanswered(f, p.Next())
	}
}

func (p *Pending) unanswered(f *Flow, t *Transaction) {
	t.Failed = true
	t.Note(NoteNoResponse)
	f.Emit(t)
}

func (p *Pending) unlink(prev, t *Transaction) {
	if prev == nil {
		p.head = t.next
	} else {
		prev.next = t.next
	}
	if p.tail == t {
		p.tail = prev
	}
	t.next = nil
	p.n--
}
