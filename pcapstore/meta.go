package pcapstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// loadMeta reads what is known of a segment from its index or, while it has none, from its journal's frame headers.
// The error is fs.ErrNotExist if it has neither.
func loadMeta(f *files) (meta, error) {
	m, err := indexMeta(f)
	if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDamaged) {
		return m, err
	}
	m, jerr := journalMeta(f)
	if errors.Is(jerr, fs.ErrNotExist) {
		// Completed between the two looks; or it has neither, then the index says so again.
		return indexMeta(f)
	}
	return m, jerr
}

// indexMeta reads the footer of a segment's index.
func indexMeta(f *files) (meta, error) {
	x, file, err := openIndex(f.stem + extIndex)
	if err != nil {
		return meta{}, err
	}
	file.Close()
	if x.worker != f.worker || x.seq != f.seq || x.zstd != f.zstd {
		return meta{}, fmt.Errorf("%s: index of another segment: %w", f.stem+extIndex, errDamaged)
	}
	return x.meta, nil
}

// whole says whether the index that m is from fits the data file.
func whole(f *files, m *meta) bool {
	st, err := os.Stat(f.dataPath())
	return err == nil && uint64(st.Size()) == m.file
}

// journalMeta adds up the frame headers of a journal without reading the frames.
func journalMeta(f *files) (meta, error) {
	file, err := os.Open(f.stem + extJournal)
	if err != nil {
		return meta{}, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return meta{}, err
	}
	var b [frameHeader]byte
	if n, _ := file.ReadAt(b[:journalHeader], 0); n < journalHeader {
		return meta{}, fmt.Errorf("%s: %w", file.Name(), errDamaged)
	}
	m := meta{bytes: fileHeader, until: 1<<64 - 1}
	if m.identity, err = parseJournalHeader(b[:]); err != nil {
		return m, fmt.Errorf("%s: %w", file.Name(), err)
	}
	if m.worker != f.worker || m.seq != f.seq {
		return m, fmt.Errorf("%s: journal of another segment: %w", file.Name(), errDamaged)
	}
	for at := int64(journalHeader); ; {
		var fr frame
		if _, err := file.ReadAt(b[:], at); err != nil {
			return m, nil // the end, or a frame being written
		}
		at += frameHeader + int64(fr.parse(b[:]))
		if at > st.Size() || fr.first != m.bytes || fr.end <= fr.first {
			return m, nil
		}
		m.add(&fr)
		m.flows = uint64(fr.flows) // before the frame: a lower bound
	}
}
