// Package store says what a store of records can do. Two stores implement it, parquet (inside the binary) and, later,
// opensearch; storetest is the suite both must pass with the same answers.
//
// Records go in as batches (record.Sink); questions come in as bound queries and answers go out as rows or tables.
package store

import (
	"context"
	"errors"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// Store answers questions about stored records. It is safe for concurrent use. Every call ends early when its context
// does, and the work on its behalf with it.
type Store interface {
	// Search calls yield for each record that passes, in the order asked for, until yield returns false. The parts of
	// one session come as one merged record. The record is borrowed until yield returns. Progress, where given, is
	// called now and then from the same goroutine.
	Search(ctx context.Context, s Search, yield func(*record.Record) bool) (Coverage, error)
	// Aggregate computes a table of groups.
	Aggregate(ctx context.Context, a Aggregate) (*Table, error)
	// Get fetches the record of that kind and id, its parts merged. ErrNotFound if there is none.
	Get(ctx context.Context, kind record.Kind, id record.ID) (*record.Record, error)
	// Status tells what is stored.
	Status(ctx context.Context) (Status, error)
	Close() error
}

// ErrNotFound is returned for a record that is not, or no longer, stored.
var ErrNotFound = errors.New("no such record")

// Bounding says which of a record's times must lie in the time range of a question.
type Bounding uint8

// The boundings, named as Arkime names them.
const (
	Last     Bounding = iota // last packet: the default
	First                    // first packet
	Both                     // first and last packet
	Either                   // the record overlaps the range
	Database                 // the time it was stored
)

// Range is a stretch of time: From <= t < To, ns since the epoch. The zero Range is all of time.
type Range struct{ From, To int64 }

// Search asks for records.
type Search struct {
	Kind     record.Kind
	Where    query.Expr // nil: all
	Range    Range
	Bounding Bounding
	Order    []Order          // empty: newest Start first
	Limit    int              // 0: no limit
	Offset   int              //
	Fields   []record.FieldID // only these values are filled in; nil: all
	Progress func(Coverage)
}

// Order is one key of an ordering.
type Order struct {
	Field *record.Field
	Desc  bool
}

// Aggregate groups the records that pass by up to five fields and a time bucket and computes metrics for each group.
type Aggregate struct {
	Kind     record.Kind
	Where    query.Expr
	Range    Range
	Bounding Bounding
	By       []*record.Field // at most five, two of which are sets; each value of a set counts in its own group
	Interval int64           // ns; 0: no time buckets. Buckets are aligned to multiples of it since the epoch
	Metrics  []query.Metric  // at least one
	// Top keeps the groups (of By, over all buckets) that lead by Metrics[0]; 0 keeps all, up to MaxGroups. Lowest
	// turns the order round. Groups come ordered by Metrics[0], then by key; buckets ascend within a group.
	Top    int
	Lowest bool
}

// MaxGroups bounds the rows of a Table.
const MaxGroups = 100_000

// Table is the answer to an Aggregate.
type Table struct {
	Rows     []Row
	Coverage Coverage
	// More says that groups were left out because of Top or MaxGroups.
	More bool
}

// Row is one group.
type Row struct {
	Bucket  int64     // start of the time bucket, ns; 0 without Interval
	Keys    []string  // one for each of By, as text; "" for records that lack the field
	Metrics []float64 // one for each of Metrics; NaN where nothing could be computed
}

// Coverage says how complete an answer is.
type Coverage struct {
	Files, FilesDone int     // record files in the time range, and those looked at
	Rows             int64   // records in those files
	Oldest           int64   // start of the oldest record stored, ns: what lies before has expired or never was
	Dropped          int64   // packets the captures lost in the time range
	NotStored        int64   // packets that were analysed but not kept
	Gaps             []Range // stretches between captures, in which nobody watched
	Sampled          Sampling
	Partial          bool // files could not be read; Problems says which
	Problems         []string
}

// Sampling says how the samples among the records looked at were drawn: one of so many packets or requests, by the least and the
// greatest rate that occurs. Zero where none was.
type Sampling struct{ Least, Most int64 }

// Status tells what a store holds.
type Status struct {
	Kinds []KindStatus
}

// KindStatus tells what a store holds of one kind.
type KindStatus struct {
	Kind           record.Kind
	Records, Bytes int64
	Files          int
	Oldest, Newest int64 // ns; 0 if nothing is stored
}
