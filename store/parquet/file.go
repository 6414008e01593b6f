package parquet

import (
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// encoder turns row groups into a Parquet file. Its buffers are kept from file to file.
type encoder struct {
	out    io.Writer
	off    int64 // bytes written and waiting
	buf    []byte
	schema []slot
	bloom  bool // files get Bloom filters
	meta   format.FileMetaData
	err    error

	zstd    *zstd.Encoder
	group   rowGroup
	block   []columnData
	hybrid  hybrid
	nums    numbers
	dict    []byte
	page    []byte
	packed  []byte
	scratch []byte
	lens    []int32
	elems   []int64

	scratchLevels []byte
}

const magic = "PAR1"

// zstdWindow suits pages, which are not much larger; the encoder's memory is a multiple of it.
const zstdWindow = 512 << 10

func newEncoder() *encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithWindowSize(zstdWindow), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithAllLitEntropyCompression(true), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err) // the options are constant
	}
	return &encoder{zstd: z, block: make([]columnData, gatherWidth)}
}

var zstdLevel = zstd.SpeedFastest

// begin starts a file of the given columns, in the order of files.
func (e *encoder) begin(out io.Writer, schema []slot) {
	e.out, e.off, e.buf, e.err = out, int64(len(magic)), append(e.buf[:0], magic...), nil
	e.schema = schema
	e.meta = format.FileMetaData{Version: 2, CreatedBy: "tapir", Schema: schemaElements(schema)}
}

// schemaOf lists the columns that occur in builders, in the order of files.
func schemaOf(bs ...*builder) (out []slot) {
	seen := make([]bool, numSlots)
	for _, b := range bs {
		for i := range b.shapes {
			for _, s := range b.shapes[i].cols {
				if !seen[s] {
					seen[s] = true
					out = append(out, s)
				}
			}
		}
	}
	sortSlots(out)
	return out
}

// write appends b's rows as one row group.
func (e *encoder) write(b *builder) error {
	e.group.arrange(b)
	for _, s := range b.used {
		if e.group.counts[s] > 0 && !slices.Contains(e.schema, s) {
			return fmt.Errorf("parquet: rows have column %v, the file has not", s) // our own bug
		}
	}
	rg := format.RowGroup{NumRows: int64(b.rows), Columns: make([]format.ColumnChunk, 0, len(e.schema))}
	rg.FileOffset = e.off
	for i := 0; i < len(e.schema); i += gatherWidth {
		slots := e.schema[i:min(i+gatherWidth, len(e.schema))]
		e.group.gather(slots, e.block)
		for k := range slots {
			m := e.chunk(b, &e.block[k])
			rg.TotalByteSize += m.TotalUncompressedSize
			rg.TotalCompressedSize += m.TotalCompressedSize
			rg.Columns = append(rg.Columns, format.ColumnChunk{MetaData: m})
		}
		e.flush(1 << 20)
	}
	e.meta.RowGroups = append(e.meta.RowGroups, rg)
	e.meta.NumRows += rg.NumRows
	return e.err
}

// finish writes the footer; kv is what else a reader must know of the file.
func (e *encoder) finish(kv map[string]string) (size int64, err error) {
	for k, v := range kv {
		e.meta.KeyValueMetadata = append(e.meta.KeyValueMetadata, format.KeyValue{Key: k, Value: v})
	}
	e.meta.ColumnOrders = make([]format.ColumnOrder, len(e.schema))
	for i := range e.meta.ColumnOrders {
		e.meta.ColumnOrders[i].Value = new(format.TypeDefinedOrder)
	}
	foot, err := thrift.Marshal(new(thrift.CompactProtocol), &e.meta)
	if err != nil {
		return 0, fmt.Errorf("parquet footer: %w", err)
	}
	n := len(foot)
	e.emit(foot)
	e.emit([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	e.emit([]byte(magic))
	e.flush(0)
	return e.off, e.err
}

func (e *encoder) emit(b []byte) {
	e.buf = append(e.buf, b...)
	e.off += int64(len(b))
}

// flush writes what waits if it is more than keep bytes.
func (e *encoder) flush(keep int) {
	if len(e.buf) <= keep {
		return
	}
	if e.err == nil {
		_, e.err = e.out.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// chunk writes one column of the row group.
func (e *encoder) chunk(b *builder, d *columnData) (m format.ColumnMetaData) {
	phys, c := specs[d.slot].phys, &b.cols[d.slot]
	m = format.ColumnMetaData{Type: parquetType(phys), PathInSchema: path(d.slot), Codec: format.Zstd}
	vals := d.cells
	if d.slot.isMore() {
		vals = e.flatten(c, d.cells)
	}
	var p plan
	switch {
	case len(vals) == 0:
		p.enc = encPlain
	case phys == physText || phys == physAddr:
		p = e.planText(phys, c.dict, len(vals))
	case phys == physBool:
		p.enc = encPlain
	case phys == physID:
		p.enc = encPlain
	default:
		p = e.planInts(phys, vals)
	}
	start := e.off
	if p.enc == encDict {
		m.DictionaryPageOffset = e.off
		e.putPage(pageHeader{kind: pageDict, values: p.count, encoding: encPlain}, nil, p.dict, &m)
		m.Encoding = append(m.Encoding, format.Plain)
	}
	m.Encoding = append(m.Encoding, format.Encoding(p.enc), format.RLE)
	m.DataPageOffset = e.off
	e.pages(&p, phys, c, d, vals, &m)
	m.TotalCompressedSize = e.off - start
	if e.bloom && c.dict != nil && c.dict.len() >= minBlooms {
		e.putBloom(c.dict, &m)
	}
	m.Statistics.NullCount = int64(b.rows - len(d.cells))
	if d.slot.isMore() {
		return m
	}
	if len(vals) > 0 {
		if lo, hi, ok := e.bounds(phys, c, &p, vals); ok {
			m.Statistics.MinValue, m.Statistics.MaxValue = lo, hi
		}
	}
	return m
}

// flatten lists the values of list cells.
func (e *encoder) flatten(c *column, cells []int64) []int64 {
	e.elems = e.elems[:0]
	for _, v := range cells {
		at, n := v>>listBits, v&listMask
		e.elems = append(e.elems, c.list[at:at+n]...)
	}
	return e.elems
}

// pages writes the data pages of a chunk.
func (e *encoder) pages(p *plan, phys physical, c *column, d *columnData, vals []int64, m *format.ColumnMetaData) {
	w := pageWalk{runs: d.runs, cells: d.cells, list: d.slot.isMore()}
	if p.enc == encDeltaLength {
		w.size = func(v int64) int { return len(c.dict.at(uint32(v))) }
	}
	w.vals = vals
	for w.next() {
		h := pageHeader{kind: pageV2, rows: w.rows, nulls: w.nulls, values: w.nulls + w.to - w.from, encoding: p.enc}
		levels := e.levels(&w, &h)
		e.page = e.page[:0]
		if w.to > w.from {
			e.page = e.values(e.page, p, phys, c, vals, w.from, w.to)
		}
		e.putPage(h, levels, e.page, m)
		m.NumValues += int64(h.values)
	}
}

// putPage compresses and writes one page.
func (e *encoder) putPage(h pageHeader, levels, body []byte, m *format.ColumnMetaData) {
	e.packed = e.zstd.EncodeAll(body, e.packed[:0])
	stored := e.packed
	if h.kind == pageV2 && len(stored) >= len(body)-len(body)/16 {
		stored, h.uncompressed = body, true
	}
	h.raw, h.stored = len(levels)+len(body), len(levels)+len(stored)
	at := len(e.buf)
	e.buf = h.append(e.buf)
	head := len(e.buf) - at
	e.buf = append(append(e.buf, levels...), stored...)
	e.off += int64(head + h.stored)
	m.TotalUncompressedSize += int64(head + h.raw)
}

func parquetType(p physical) format.Type {
	switch p {
	case physText:
		return format.ByteArray
	case physAddr, physID:
		return format.FixedLenByteArray
	case physFloat:
		return format.Double
	case physBool:
		return format.Boolean
	}
	return format.Int64
}

func path(s slot) []string {
	if s.isMore() {
		return []string{specs[s].name, "list", "element"}
	}
	return []string{specs[s].name}
}

// schemaElements describes the columns: optional ones, and lists of three levels as the format has them.
func schemaElements(schema []slot) (out []format.SchemaElement) {
	out = append(out, format.SchemaElement{Name: "record", NumChildren: thrift.New(int32(len(schema)))})
	for _, s := range schema {
		spec := &specs[s]
		leaf := format.SchemaElement{Name: spec.name, FieldID: spec.id, Type: thrift.New(parquetType(spec.phys)), RepetitionType: thrift.New(format.Optional)}
		switch spec.phys {
		case physText:
			leaf.LogicalType.Value = new(format.StringType)
			leaf.ConvertedType = thrift.New(deprecated.UTF8)
		case physAddr, physID:
			leaf.TypeLength = thrift.New(int32(16))
			leaf.LogicalType.Value = new(format.UUIDType)
		case physTime:
			leaf.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: false, Unit: format.TimeUnit{Value: new(format.NanoSeconds)}}
		}
		if !s.isMore() {
			out = append(out, leaf)
			continue
		}
		list := format.SchemaElement{Name: spec.name, FieldID: spec.id, RepetitionType: thrift.New(format.Optional), NumChildren: thrift.New(int32(1)), ConvertedType: thrift.New(deprecated.List)}
		list.LogicalType.Value = new(format.ListType)
		leaf.Name, leaf.FieldID, leaf.RepetitionType = "element", columnID(spec.name+".element"), thrift.New(format.Required)
		out = append(out, list, format.SchemaElement{Name: "list", RepetitionType: thrift.New(format.Repeated), NumChildren: thrift.New(int32(1))}, leaf)
	}
	return out
}
