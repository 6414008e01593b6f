package parquet

import (
	"io"
	"os"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// Files that compaction writes have split-block Bloom filters on text and addresses, so that a question for one host or
// address passes over files that have never seen it. DuckDB uses them within a file, mayMatch before it.
const (
	bloomBits  = 10 // for each distinct value: 1 % are found by mistake
	minBlooms  = 256
	bloomBlock = 32 // bytes
)

// putBloom writes the filter of a column chunk whose values d numbers.
func (e *encoder) putBloom(d *intern, m *format.ColumnMetaData) {
	f := make(bloom.SplitBlockFilter, bloom.NumSplitBlocksOf(int64(d.len()), bloomBits))
	for i := range d.len() {
		f.Insert(bloom.XXH64{}.Sum64(d.at(uint32(i))))
	}
	h := format.BloomFilterHeader{NumBytes: int32(len(f.Bytes()))}
	h.Algorithm.Value = new(format.SplitBlockAlgorithm)
	h.Hash.Value = new(format.XxHash)
	h.Compression.Value = new(format.BloomFilterUncompressed)
	head, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	if err != nil {
		e.err = err
		return
	}
	m.BloomFilterOffset, m.BloomFilterLength = e.off, int32(len(head)+len(f.Bytes()))
	e.emit(head)
	e.emit(f.Bytes())
}

// prune keeps the files that may hold a record that passes where.
func prune(files []*recordFile, where query.Expr) (out []*recordFile) {
	if where == nil {
		return files
	}
	for _, f := range files {
		if f.parts || f.mayMatch(where) {
			out = append(out, f)
		}
	}
	return out
}

func (f *recordFile) mayMatch(where query.Expr) bool {
	foot, err := f.meta()
	if err != nil {
		return true // the question will find out
	}
	l := &looker{file: f}
	defer l.Close()
	for i := range foot.groups {
		l.group = &foot.groups[i]
		if l.may(where) {
			return true
		}
	}
	return false
}

// looker looks at the columns and filters of a row group.
type looker struct {
	file  *recordFile
	group *groupMeta
	r     *os.File
}

func (l *looker) Close() {
	if l.r != nil {
		l.r.Close()
	}
}

// may says whether a row of the group may pass e.
func (l *looker) may(e query.Expr) bool {
	switch e := e.(type) {
	case query.And:
		for _, x := range e {
			if !l.may(x) {
				return false
			}
		}
	case query.Or:
		for _, x := range e {
			if l.may(x) {
				return true
			}
		}
		return false
	case *query.Test:
		return l.mayTest(e)
	}
	return true
}

func (l *looker) mayTest(t *query.Test) bool {
	if !plainField(t.Field.ID) {
		return true
	}
	cols := l.columns(t.Field.ID)
	if len(cols) == 0 {
		return false
	}
	may := len(t.Match) == 0 || t.All
	for _, m := range t.Match {
		if has := l.mayHave(cols, m); has != t.All {
			may = has
			break
		}
	}
	return may
}

// plainField says whether the values of f are in its own columns only.
func plainField(f record.FieldID) bool {
	return len(sourcesOf(f)) == 2 && f != fID && f != fSession && f != fKind && f != fPart && f != fFinal && f != fStart && f != fEnd
}

// columns are the chunks with values of f.
func (l *looker) columns(f record.FieldID) (out []*chunkMeta) {
	for i := range l.group.chunks {
		if c := &l.group.chunks[i]; c.slot/2 == slotOf(f)/2 {
			out = append(out, c)
		}
	}
	return out
}

// mayHave says whether a value that passes m may be in the columns.
func (l *looker) mayHave(cols []*chunkMeta, m query.Matcher) bool {
	var value []byte
	switch m := m.(type) {
	case query.Text:
		value = []byte(validText(string(m)))
	case query.AddrRange:
		if m.Lo == m.Hi {
			value = m.Lo[:]
		}
	}
	if value == nil {
		return true
	}
	hash := bloom.XXH64{}.Sum64(value)
	for _, c := range cols {
		if c.bloomSize == 0 || l.check(c, hash) {
			return true
		}
	}
	return false
}

// check asks the filter of a column; a filter that cannot be read says yes.
func (l *looker) check(c *chunkMeta, hash uint64) bool {
	if l.r == nil {
		var err error
		if l.r, err = os.Open(l.file.path); err != nil {
			return true
		}
	}
	// The filter is the last of the chunk's bytes; its header is what is left over by whole blocks.
	size := c.bloomSize / bloomBlock * bloomBlock
	ok, err := bloom.CheckSplitBlock(io.NewSectionReader(l.r, c.bloomOff+c.bloomSize-size, size), size, hash)
	return ok || err != nil
}
