package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// The places of sysdig 0.29's table of counts: its events, and behind them its calls, as they are entered and left.
const (
	countedEvents = 336
	countedCalls  = 329
)

// sysCounts is how many events of each kind there were: -S. Places behind those of sysdig's table are for the events it does not know.
type sysCounts [countedEvents + 2*countedCalls + scap.Types]sysCount

type sysCount struct {
	name string
	n    int64
}

func (c *sysCounts) add(e *sys.Event) {
	at := int(e.Type)
	if at >= countedEvents {
		at += 2 * countedCalls
	}
	if e.Info.Category == scap.CatSyscall {
		if id, _ := e.Int(0); id >= 0 && id < countedCalls {
			at = countedEvents + 2*int(id) + int(e.Type&1)
		}
	}
	if c[at].n == 0 {
		c[at].name = "> " + e.Name()
		if e.Type.Exit() {
			c[at].name = "< " + e.Name()
		}
	}
	c[at].n++
}

// print prints the counts, the highest first.
func (c *sysCounts) print(w io.Writer) {
	known := c[:countedEvents+2*countedCalls]
	sortCounts(known, func(a, b sysCount) bool { return a.n > b.n })
	sorted := slices.SortedStableFunc(slices.Values(c[:]), func(a, b sysCount) int { return cmp.Compare(b.n, a.n) })
	const rule = "----------------------\n"
	fmt.Fprintf(w, "%s%-16s#Calls\n%s", rule, "Event", rule)
	for _, k := range sorted {
		if k.n > 0 {
			fmt.Fprintf(w, "%-18s%d\n", k.name, k.n)
		}
	}
}

// sortCounts sorts as libstdc++'s std::sort does, so that equal counts come in sysdig's order: a quicksort around the median of
// three leaves parts of at most 16, which an insertion sort puts in order.
func sortCounts[T any](s []T, less func(a, b T) bool) {
	split(s, less)
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && less(s[j], s[j-1]); j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
}

// split splits s until no part is longer than 16.
func split[T any](s []T, less func(a, b T) bool) {
	for len(s) > 16 {
		m := median(s, 1, len(s)/2, len(s)-1, less)
		s[0], s[m] = s[m], s[0]
		lo, hi := 1, len(s)
		for ; ; lo++ {
			for less(s[lo], s[0]) {
				lo++
			}
			for hi--; less(s[0], s[hi]); hi-- {
			}
			if lo >= hi {
				break
			}
			s[lo], s[hi] = s[hi], s[lo]
		}
		split(s[lo:], less)
		s = s[:lo]
	}
}

// median is the one of three places whose value lies between the others'.
func median[T any](s []T, a, b, c int, less func(a, b T) bool) int {
	if !less(s[a], s[b]) {
		a, b = b, a
	}
	switch {
	case less(s[b], s[c]):
		return b
	case less(s[a], s[c]):
		return c
	}
	return a
}
