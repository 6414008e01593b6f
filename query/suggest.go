package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
)

const maxSuggest = 5

// nearestFields are the names most like name of fields that records of one of the kinds can have, each field once,
// best first.
func nearestFields(name string, kinds record.KindSet) []string {
	type found struct {
		name string
		cost int
	}
	var all []found
	for _, f := range record.Fields() {
		if f.Kinds&kinds == 0 {
			continue
		}
		best := found{f.Name, distance(name, f.Name)}
		for _, a := range f.Aliases {
			if d := distance(name, a); d < best.cost {
				best = found{a, d}
			}
		}
		if best.cost <= tooFar {
			all = append(all, best)
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(a.cost-b.cost, len(a.name)-len(b.name), strings.Compare(a.name, b.name))
	})
	out := make([]string, 0, maxSuggest)
	for _, f := range all[:min(len(all), maxSuggest)] {
		out = append(out, f.name)
	}
	return out
}

// nearestWords are those of words that name may have been meant to be.
func nearestWords(name string, words []string) (out []string) {
	for _, w := range words {
		if d := distance(name, w); d <= 2 || d == costPrefix {
			out = append(out, w)
		}
	}
	return out
}

// Costs of kinds of likeness between names. Below costPrefix they are edits.
const (
	costPrefix   = 3 // one begins with the other
	costContains = 5
	tooFar       = 6
)

// distance says how unlike two names are: 0 the same but for case, or the same parts in another order; else the edits
// from one to the other, or the cost of one containing the other.
func distance(name, candidate string) int {
	if len(name) > 64 {
		name = name[:64]
	}
	a, b := strings.ToLower(name), strings.ToLower(candidate)
	if a == b || sameParts(a, b) {
		return 0
	}
	most := min(max(len(a)/3, 1), tooFar)
	d := tooFar + 1
	if n := len(a) - len(b); n <= most && -n <= most {
		if e := edits(a, b); e <= most {
			d = e
		}
	}
	switch {
	case len(a) >= 2 && strings.HasPrefix(b, a):
		return min(d, costPrefix)
	case len(a) >= 3 && strings.Contains(b, a):
		return min(d, costContains)
	}
	return d
}

// sameParts says whether two dotted names consist of the same parts.
func sameParts(a, b string) bool {
	if len(a) != len(b) || strings.IndexByte(a, '.') < 0 {
		return false
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// edits is the number of single-byte insertions, deletions, changes and swaps of neighbours that make b out of a
// (optimal string alignment).
func edits(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}

// unknownField is the error about a name that no field of these kinds answers to.
func unknownField(w word, kinds record.KindSet) *Error {
	e := errAt(w.at, "unknown field %s", quote(w.text))
	e.Suggest = nearestFields(w.text, kinds)
	return e
}
