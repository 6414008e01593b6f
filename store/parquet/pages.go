package parquet

// pageWalk cuts a column chunk into data pages: whole rows, about pageValues values each, or pageTextBytes of text.
type pageWalk struct {
	runs  []run
	cells []int64 // of the rows that have the column
	vals  []int64 // lists: all elements; else the cells
	list  bool
	size  func(v int64) int // bytes of a value, where values of a page are limited by size too

	cut        []run // the runs of the page at hand
	rows       int
	nulls      int
	from, to   int // its values
	fromC, toC int // its cells
}

// next moves to the next page; false if there is none.
func (w *pageWalk) next() bool {
	w.cut, w.rows, w.nulls, w.from, w.fromC = w.cut[:0], 0, 0, w.to, w.toC
	for left := w.room(); len(w.runs) > 0; {
		r := &w.runs[0]
		k := r.n
		if r.some {
			if left == 0 {
				break
			}
			k = w.take(min(k, left))
			left -= k
			if k < r.n {
				left = 0
			}
		} else {
			w.nulls += k
		}
		w.cut = append(w.cut, run{n: k, some: r.some})
		w.rows += k
		if r.n -= k; r.n == 0 {
			w.runs = w.runs[1:]
		}
	}
	return w.rows > 0
}

// room is how many rows with the column the page may have.
func (w *pageWalk) room() int { return pageValues }

// take moves up to n cells into the page, at least one if it has none, and says how many.
func (w *pageWalk) take(n int) int {
	if !w.list && w.size == nil {
		w.toC += n
		w.to += n
		return n
	}
	bytes := 0
	for _, v := range w.vals[w.from:w.to] {
		bytes += w.bytes(v)
	}
	for k := range n {
		if w.to > w.from && (w.to-w.from >= pageValues || bytes >= pageTextBytes) {
			return k
		}
		add := 1
		if w.list {
			add = int(w.cells[w.toC] & listMask)
		}
		for _, v := range w.vals[w.to : w.to+add] {
			bytes += w.bytes(v)
		}
		w.toC++
		w.to += add
	}
	return n
}

func (w *pageWalk) bytes(v int64) int {
	if w.size == nil {
		return 0
	}
	return w.size(v)
}

// levels encodes the repetition and definition levels of the page at hand.
func (e *encoder) levels(w *pageWalk, h *pageHeader) []byte {
	e.scratch = e.scratch[:0]
	if w.list {
		e.hybrid.reset(e.scratch, 1)
		cell := w.fromC
		for _, r := range w.cut {
			if !r.some {
				e.hybrid.add(0, r.n)
				continue
			}
			for range r.n {
				e.hybrid.add(0, 1)
				if n := int(w.cells[cell] & listMask); n > 1 {
					e.hybrid.add(1, n-1)
				}
				cell++
			}
		}
		e.scratch = e.hybrid.finish()
		h.reps = len(e.scratch)
	}
	width, some := 1, uint16(1)
	if w.list {
		width, some = 2, 2
	}
	e.hybrid.reset(e.scratch, width)
	cell := w.fromC
	for _, r := range w.cut {
		switch {
		case !r.some:
			e.hybrid.add(0, r.n)
		case w.list:
			n := 0
			for _, c := range w.cells[cell : cell+r.n] {
				n += int(c & listMask)
			}
			cell += r.n
			e.hybrid.add(some, n)
		default:
			e.hybrid.add(some, r.n)
		}
	}
	levels := e.hybrid.finish()
	h.defs = len(levels) - h.reps
	e.scratchLevels = append(e.scratchLevels[:0], levels...)
	e.scratch = levels[:0]
	return e.scratchLevels
}
