package pipeline

import (
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// Replay runs stored packets of one worker through the pipeline again, after a crash: flows that were open are followed
// from their first packet, and come out as the same sessions, parts and transactions, with the same ids, that they
// would have been. Sessions that are stored whole are left out.
type Replay struct {
	w     *Worker
	kept  Kept
	d     packet.Decoded
	frags fragments
	now   int64
	// Of the packet at hand, for deliver: its flow, if that is known, and what was made of it.
	known bool
	flow  record.ID
	err   error
}

// Kept is what of a worker's records is stored already.
type Kept interface {
	// Whole says whether a session is stored to its end.
	Whole(id record.ID) bool
	// Part says whether a part of a session is stored that is not its last.
	Part(id record.ID, part uint32) bool
}

// NewReplay makes a replay for worker n. cfg.Packets must be nil, the packets are on disk already.
func NewReplay(n int, cfg Config, kept Kept) (*Replay, error) {
	w, err := NewWorker(n, cfg)
	if err != nil {
		return nil, err
	}
	w.table.Stored = kept.Part
	return &Replay{w: w, kept: kept}, nil
}

// Packet replays one packet. flow is its flow where known; the flow it belongs to is returned.
func (r *Replay) Packet(p *record.Packet, flow record.ID, known bool) (record.ID, error) {
	if known && r.kept.Whole(flow) {
		r.now = max(r.now, p.Time)
		return flow, r.err
	}
	r.known, r.flow = known, flow
	packet.Decode(&r.d, p)
	if r.d.Verdict == packet.Fragment && known {
		r.frags.add(p, &r.d, r.deliver)
	} else {
		// A fragment behind the end of the journal must have its flow named now, before the others are seen: it becomes
		// one without ports.
		r.deliver(p, &r.d)
	}
	return r.flow, r.err
}

// deliver gives a packet to the worker. Where the journal names the flow it decides, not the time that other workers'
// packets showed: the same flow goes on, another one begins.
func (r *Replay) deliver(p *record.Packet, d *packet.Decoded) {
	key, swapped := d.Key()
	hash := key.Hash()
	before := r.now
	if r.known {
		before = record.MaxTime / 2 // later than any flow's last packet and its idle time
		if f := r.w.table.Find(&key, hash, swapped); f != nil && f.ID == r.flow {
			before = f.Last
		}
	}
	if err := r.w.Packet(p, d, &key, hash, swapped, before); err != nil {
		r.err = err
	}
	if !r.known {
		if f := r.w.table.Find(&key, hash, swapped); f != nil {
			r.flow = f.ID
		}
	}
	r.now = max(r.now, p.Time)
}

// Finish ends the flows that are still open and delivers everything.
func (r *Replay) Finish() error {
	r.known = false
	r.frags.flush(r.deliver)
	if err := r.w.Flush(); err != nil {
		return err
	}
	return r.err
}

// Stats tells what was replayed.
func (r *Replay) Stats() Stats { return r.w.Stats() }
