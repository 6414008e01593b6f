package http

import (
	"bytes"

	"github.com/tapir-project/tapir/proto"
)

const (
	maxSearchLine = 4096 // how much of a line without an end the search keeps
	maxSearchHead = 8192 // how long the search waits for the line behind a start line
)

var versionMark = []byte("HTTP/1.")

// search looks for the next start line after packet loss; it consumes what cannot be part of one.
func (s *stream) search(b []byte) (int, bool) {
	off, found, next := findStart(b, s.scan, false)
	if found {
		s.phase, s.scan = atStart, 0
		return off, true
	}
	s.scan = next - off
	return off, false
}

// findStart finds a start line with a header field, or the end of the header, below it. A response's may stand
// anywhere, for bodies need not end with a line end; a request's is found by its version and a known method. If there
// is none, off is where one may still begin and next where to search on. With whole, it must be there whole and at
// the beginning of a line.
func findStart(b []byte, from int, whole bool) (off int, found bool, next int) {
	for at := from; ; {
		i := bytes.Index(b[at:], versionMark)
		if i < 0 {
			break
		}
		at += i
		start, v := candidate(b, at)
		if whole && v == candidateGood && start > 0 && b[start-1] != '\n' {
			v = candidateBad
		}
		switch {
		case v == candidateGood:
			return start, true, 0
		case v == candidateOpen && !whole:
			return start, false, at
		}
		at += len(versionMark)
	}
	keep := max(len(b)-maxSearchLine, 0)
	if i := bytes.LastIndexByte(b[from:], '\n'); i >= 0 { // none is before from: what it ends would be consumed
		keep = max(keep, from+i+1)
	}
	return keep, false, max(len(b)-len(versionMark)+1, keep)
}

type candidateVerdict uint8

const (
	candidateBad candidateVerdict = iota
	candidateOpen
	candidateGood
)

// candidate judges the start line around the version at b[at:] and says where it begins.
func candidate(b []byte, at int) (start int, v candidateVerdict) {
	start = at
	if at > 0 && b[at-1] == ' ' {
		switch rest := b[at+len(versionMark):]; {
		case len(rest) < 2:
			v = candidateOpen
		case rest[0] < '0' || rest[0] > '9' || rest[1] != '\r' && rest[1] != '\n':
			return 0, candidateBad // at once: there may be many of these
		}
		if start = methodStart(b, at-1); start < 0 {
			return 0, candidateBad
		}
		if v == candidateOpen {
			return start, v
		}
	}
	line, rest, ok := bytes.Cut(b[start:], []byte("\n"))
	if !ok {
		if _, v := classify(line); v == proto.No || len(line) > maxSearchHead {
			return 0, candidateBad
		}
		return start, candidateOpen
	}
	if s := parseStart(trimCR(line)); s.shape != request && s.shape != response {
		return 0, candidateBad
	}
	return start, headerBelow(rest)
}

// methodStart finds where the request line that reaches to b[:end] begins, -1 if there is none. The method is a known
// one, which the end of a body without a line end may stand right before.
func methodStart(b []byte, end int) int {
	line := b[max(bytes.LastIndexByte(b[:end], '\n')+1, end-maxSearchLine):end]
	from := end - len(line)
	sp := bytes.LastIndexByte(line, ' ')
	if sp < 0 {
		return -1
	}
	for n := min(sp, maxMethod); n > 0; n-- {
		if knownMethod(line[sp-n : sp]) {
			return from + sp - n
		}
	}
	return -1
}

// headerBelow says whether b begins with a header field or an empty line.
func headerBelow(b []byte) candidateVerdict {
	for i, c := range b {
		switch {
		case i == 0 && c == '\n', i == 1 && c == '\n' && b[0] == '\r', i > 0 && c == ':':
			return candidateGood
		case i == 0 && c == '\r':
		case !token[c] || i > 1 && b[0] == '\r' || i > maxSearchHead:
			return candidateBad
		}
	}
	return candidateOpen
}

// FindStart returns where the first message in b begins, by the rules by which a stream that was picked up in its middle is searched: a
// whole start line with a header field, or the end of the header, below it.
func FindStart(b []byte) (off int, found bool) {
	off, found, _ = findStart(b, 0, true)
	return off, found
}

// Begins says whether b, cut off perhaps, begins with a known method and then a path or nothing, or as a status line does.
func Begins(b []byte) bool { return beginsRequest(b) || bytes.HasPrefix(b, []byte("HTTP/")) }
