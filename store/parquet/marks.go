package parquet

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tapir-project/tapir/record"
)

// Marks says for each worker from where on its packets must be read again after a crash: the records of all that
// lies before are in sealed files.
type Marks map[int]record.Position

func marksPath(dir string) string { return filepath.Join(dir, "state", "marks.json") }

// ReadMarks reads the marks that the last writer of the data directory left; none if there was no writer yet.
func ReadMarks(dir string) (Marks, error) {
	b, err := os.ReadFile(marksPath(dir))
	if os.IsNotExist(err) {
		return Marks{}, nil
	}
	m := Marks{}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("recovery marks: %w (remove %s to read all packets that are kept again)", err, marksPath(dir))
	}
	return m, nil
}

// write replaces the marks on disk.
func (m Marks) write(d disk, dir string, sync bool) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := marksPath(dir)
	err = writeFile(d, path+".tmp", path, sync, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return fmt.Errorf("recovery marks: %w", err)
	}
	return nil
}

// ledger knows which batches are wholly sealed. Batches are numbered as they come; a builder that holds rows of batch
// n keeps n and all later batches unsealed.
type ledger struct {
	seq     uint64
	pending map[int][]lowMark // by worker, in order: batches added, not known to be sealed
	marks   Marks
}

// lowMark is where recovery may start once batch seq is sealed.
type lowMark struct {
	seq uint64
	low record.Position
}

// added notes that all rows of batch seq are in builders.
func (l *ledger) added(worker int, seq uint64, low record.Position) {
	if low.Segment == 0 {
		return // a batch of a source without a packet store
	}
	l.pending[worker] = append(l.pending[worker], lowMark{seq, low})
}

// sealed moves the marks: all batches before oldest are sealed. It says whether a mark moved.
func (l *ledger) sealed(oldest uint64) (moved bool) {
	for w, p := range l.pending {
		n := 0
		for n < len(p) && p[n].seq < oldest {
			n++
		}
		if n == 0 {
			continue
		}
		if low := p[n-1].low; l.marks[w].Before(low) {
			l.marks[w] = low
			moved = true
		}
		l.pending[w] = append(p[:0], p[n:]...)
	}
	return moved
}
