package parquet

import "slices"

// rowGroup is a builder's rows in the order in which they are written.
type rowGroup struct {
	b      *builder
	shapes []*shape // in order
	pos    []int    // for each shape, the place in its columns that gathering has come to
	counts []int    // by slot: rows that have the column

	present [gatherWidth]*columnData // gather's
}

// arrange orders the rows: shapes by the columns they have, the rows of a shape by start, then by arrival.
func (g *rowGroup) arrange(b *builder) {
	g.b = b
	g.shapes, g.pos = g.shapes[:0], g.pos[:0]
	if g.counts == nil {
		g.counts = make([]int, numSlots)
	}
	clear(g.counts)
	for i := range b.shapes {
		s := &b.shapes[i]
		for _, c := range s.cols {
			g.counts[c] += len(s.rows)
		}
		slices.SortFunc(s.rows, func(x, y uint32) int { // the first cell is the start
			if a, c := b.cell(x, 0), b.cell(y, 0); a != c {
				return cmpInt(a, c)
			}
			return int(x) - int(y)
		})
		g.shapes = append(g.shapes, s)
		g.pos = append(g.pos, 0)
	}
	g.sortShapes()
}

// sortShapes puts shapes next to each other that have the frequent columns in common: compared column by column, from
// the most frequent one, those that have it come first. So most columns are few runs.
func (g *rowGroup) sortShapes() {
	order := slices.Clone(g.b.used)
	slices.SortFunc(order, func(x, y slot) int {
		if d := g.counts[y] - g.counts[x]; d != 0 {
			return d
		}
		return int(specs[x].rank) - int(specs[y].rank)
	})
	place := make([]uint16, numSlots)
	for i, s := range order {
		place[s] = uint16(i)
	}
	keys := make(map[*shape][]uint16, len(g.shapes))
	for _, s := range g.shapes {
		k := make([]uint16, len(s.cols))
		for i, c := range s.cols {
			k[i] = place[c]
		}
		slices.Sort(k)
		keys[s] = k
	}
	slices.SortFunc(g.shapes, func(x, y *shape) int { return comparePlaces(keys[x], keys[y]) })
}

// comparePlaces orders two ascending lists: the one that has a place the other lacks, before any other difference,
// comes first.
func comparePlaces(x, y []uint16) int {
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return int(x[i]) - int(y[i])
		}
	}
	return len(y) - len(x)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Cells are gathered from gatherWidth columns, two cache lines of a row, and gatherRows rows at a time, so that a row is
// still in the cache when its next column is read.
const (
	gatherWidth = 16
	gatherRows  = 1024
)

// columnData is one column of a row group, nulls left out.
type columnData struct {
	slot  slot
	runs  []run
	cells []int64
}

// gather fills out with the columns of block, which must follow, in the order of files, those of the last call.
func (g *rowGroup) gather(block []slot, out []columnData) {
	for k, s := range block {
		c := &out[k]
		c.slot, c.runs, c.cells = s, c.runs[:0], c.cells[:0]
		c.cells = slices.Grow(c.cells, g.counts[s])
	}
	for i, s := range g.shapes {
		at := g.pos[i]
		present := g.present[:0]
		for k, want := range block {
			some := at+len(present) < len(s.cols) && s.cols[at+len(present)] == want
			out[k].runs = addRun(out[k].runs, len(s.rows), some)
			if some {
				present = append(present, &out[k])
			}
		}
		g.pos[i] += len(present)
		for rows := range slices.Chunk(s.rows, gatherRows) {
			for k, c := range present {
				for _, row := range rows {
					c.cells = append(c.cells, g.b.cell(row, at+k))
				}
			}
		}
	}
}

func addRun(runs []run, n int, some bool) []run {
	if k := len(runs) - 1; k >= 0 && runs[k].some == some {
		runs[k].n += n
		return runs
	}
	return append(runs, run{n: n, some: some})
}
