package app

import (
	"math"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/mirror"
	"github.com/tapir-project/tapir/store"
)

// NodeStatus is what `tapir status --json` and the API tell of a data directory beyond its records.
type NodeStatus struct {
	Running   bool             `json:"running"` // a recorder writes it at this moment
	Recorder  *RecorderStatus  `json:"recorder,omitempty"`
	Packets   PacketStatus     `json:"packets"`
	Disk      DiskStatus       `json:"disk"`
	Retention *RetentionStatus `json:"retention,omitempty"` // of the recorder
	Mirror    *mirror.Status   `json:"mirror,omitempty"`    // of the mirror in this network namespace, if one runs or persists
}

// RetentionStatus says how far back what is kept will reach when the limits are reached, at the present rate.
type RetentionStatus struct {
	Packets Reach `json:"packets"`
	Records Reach `json:"records"`
}

// Reach is a span that fits and the limit that it is due to. Both are left out while the rate is not known and no age
// limits.
type Reach struct {
	Seconds float64 `json:"seconds,omitempty"`
	By      string  `json:"by,omitempty"` // age, size or free space, as deletions name them
}

// NodeStatus looks at the data directory and at what its recorder tells. records is what the record store says.
func (r *Reader) NodeStatus(records store.Status) (s NodeStatus, err error) {
	if s.Packets, err = r.PacketStatus(); err != nil {
		return s, err
	}
	if space, err := r.Dir.Space(); err == nil {
		s.Disk = DiskStatus{space.Free, space.Total}
	}
	if rec, running := ReadStatus(r.Dir); running {
		s.Running, s.Recorder = true, &rec
		s.Retention = rec.reach(s.Packets.Bytes, recordBytes(records))
	}
	s.Mirror, _ = mirror.Dial() // none, or not ours to see: then there is nothing to tell
	return s, nil
}

func recordBytes(s store.Status) (n int64) {
	for _, k := range s.Kinds {
		n += k.Bytes
	}
	return n
}

// reach computes what fits. Where the disk is short packets are deleted first, so records may take their place.
func (s *RecorderStatus) reach(packets, records int64) *RetentionStatus {
	room := float64(max(0, s.Disk.Free-s.Limits.KeepFree))
	p, q := s.Rates.PacketDisk, s.Rates.RecordDisk
	var out RetentionStatus
	out.Packets = s.Limits.Packets.reach(float64(packets)+room, p+q, p)
	out.Records = s.Limits.Records.reach(float64(packets+records)+room, q, q)
	return &out
}

// reach is the shortest of what the limits allow: room is the bytes of disk there are and fill how fast they fill, own is how
// fast this kind of data grows; bytes and bytes per second.
func (l LimitStatus) reach(room, fill, own float64) (r Reach) {
	least := math.Inf(1)
	for _, x := range []struct {
		by      string
		seconds float64
		known   bool
	}{
		{"free space", room / fill, own > 0},
		{"size", float64(l.MaxBytes) / own, own > 0 && l.MaxBytes > 0},
		{"age", time.Duration(l.MaxAge).Seconds(), l.MaxAge > 0},
	} {
		if x.known && x.seconds < least {
			least, r = x.seconds, Reach{x.seconds, x.by}
		}
	}
	return r
}

// status is the limits as they are told.
func (r Retention) status(space datadir.Space) LimitsStatus {
	r = r.withDefaults()
	return LimitsStatus{Packets: r.Packets.status(), Records: r.Records.status(), KeepFree: r.keepFree(space)}
}

func (l Limit) status() LimitStatus { return LimitStatus{int64(l.MaxAge), l.MaxBytes} }

// withDefaults keeps some of the disk free if nothing else is said.
func (r Retention) withDefaults() Retention {
	if r.FreePercent == 0 && r.FreeBytes == 0 {
		r.FreePercent = DefaultFreePercent
	}
	return r
}

// keepFree is how many bytes of the disk stay free.
func (r Retention) keepFree(space datadir.Space) int64 {
	return max(r.FreeBytes, int64(r.FreePercent/100*float64(space.Total)))
}
