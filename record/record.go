package record

// Record is one row of any kind: what sinks, stores and encoders see. Everything that has a registry entry is in
// Values, the ends and counters too; the header repeats what stores sort and prune by.
type Record struct {
	ID      ID     // of this record; all parts of one session have the same
	Session ID     // the session it belongs to (a session's own id)
	Start   int64  // ns since the epoch
	End     int64  // ns since the epoch, not before Start
	Part    uint32 // sessions: number of this part, from 0; its counters are those of the part, its sets all so far
	Kind    Kind
	Final   bool // sessions: no further part follows
	Values  Values
}

// Reset empties r and keeps its memory.
func (r *Record) Reset() {
	v := r.Values
	v.Reset()
	*r = Record{Values: v}
}

// CopyFrom makes r a deep copy of o, reusing r's memory.
func (r *Record) CopyFrom(o *Record) {
	v := r.Values
	v.CopyFrom(&o.Values)
	*r = *o
	r.Values = v
}

// Batch is a run of records on its way from a worker to its sinks. Records are reused: take one with Next, fill
// it, and hand the batch on; whoever ends with the batch resets it.
type Batch struct {
	recs []*Record
	n    int
	// Low is the position, in the packet store of the worker that made the batch, of the oldest packet of any
	// flow that was still open when the batch was handed on: where recovery starts to read after a crash.
	Low Position
	// Worker is the number of the worker that made the batch.
	Worker int
}

// Position is a place in one worker's packet store: bytes into the sequence's segment.
type Position struct {
	Segment uint64 // number of the segment in the worker's sequence; 0 means "none"
	Offset  uint64 // of the packet's header within the (uncompressed) segment
}

// Before says whether p is an earlier place than q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Next adds an empty record to the batch and returns it.
func (b *Batch) Next() *Record {
	if b.n == len(b.recs) {
		b.recs = append(b.recs, new(Record))
	}
	r := b.recs[b.n]
	r.Reset()
	b.n++
	return r
}

// DropLast takes back the record that Next added last.
func (b *Batch) DropLast() { b.n-- }

// Records are the records added since the last Reset, borrowed until the next.
func (b *Batch) Records() []*Record { return b.recs[:b.n] }

// Len is the number of records.
func (b *Batch) Len() int { return b.n }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.n, b.Low, b.Worker = 0, Position{}, 0 }

// Sink takes batches: a store, a live tail, an output. Add may keep nothing of b after it returns.
type Sink interface{ Add(b *Batch) error }
