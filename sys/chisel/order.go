package chisel

import (
	"math"
	"math/bits"
	"slices"
)

// What is open is listed in the order in which sysdig's scripts walk its tables, so that lists can be compared line by line: a
// hash map of C++, which scripts get as a table of LuaJIT. Both orders follow from the keys and from the order in which they came.

// hashPrimes are the numbers of buckets that libstdc++'s unordered_map grows through.
var hashPrimes = [...]int{13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933}

// hashOrder is the order of an unordered_map with the identity as its hash: what comes to an empty bucket comes first of
// all, what comes to another one first in its bucket. Growing puts all in anew, in the order that they had.
func hashOrder(came []int64) (out []int64) {
	for _, n := range hashPrimes {
		if len(out) == len(came) {
			break
		}
		out = fillBuckets(out, came[len(out):min(len(came), n)], n)
	}
	return append(out, came[len(out):]...)
}

// fillBuckets is the order of a map of n buckets that was filled with what was there before and then with what came.
func fillBuckets(before, came []int64, n int) []int64 {
	var buckets [][]int64 // in the order in which they got their first key
	at := map[uint64]int{}
	for _, keys := range [][]int64{before, came} {
		for _, k := range keys {
			b := uint64(k) % uint64(n)
			i, ok := at[b]
			if !ok {
				i = len(buckets)
				at[b] = i
				buckets = append(buckets, nil)
			}
			buckets[i] = append(buckets[i], k)
		}
	}
	out := make([]int64, 0, len(before)+len(came))
	for _, b := range slices.Backward(buckets) {
		for _, k := range slices.Backward(b) {
			out = append(out, k)
		}
	}
	return out
}

// luaTable is where a table of LuaJIT keeps integer keys: those that fill more than half of a power of two in an array, the
// others in nodes of a hash table, whose chains take free nodes from the end.
type luaTable struct {
	array []bool // whether the key that is its index is there
	nodes []luaNode
	free  int // nodes from here on are taken
}

type luaNode struct {
	key  int64
	used bool
	next int // in the chain; -1 at its end
}

// walk is the keys in the order in which pairs gives them.
func (t *luaTable) walk() (out []int64) {
	for k, there := range t.array {
		if there {
			out = append(out, int64(k))
		}
	}
	for _, n := range t.nodes {
		if n.used {
			out = append(out, n.key)
		}
	}
	return out
}

// luaHash is LuaJIT's hash of a number that is no pointer: of the two halves of its double.
func luaHash(key int64) uint32 {
	b := math.Float64bits(float64(key))
	lo, hi := uint32(b), uint32(b>>32)<<1
	lo ^= hi
	hi = bits.RotateLeft32(hi, 14)
	lo -= hi
	hi = bits.RotateLeft32(hi, 5)
	hi ^= lo
	return hi - bits.RotateLeft32(lo, 13)
}

func (t *luaTable) home(key int64) int { return int(luaHash(key)) & (len(t.nodes) - 1) }

// insert puts in a key that is not there yet.
func (t *luaTable) insert(key int64) {
	if key >= 0 && key < int64(len(t.array)) {
		t.array[key] = true
		return
	}
	if len(t.nodes) == 0 {
		t.grow(key)
		return
	}
	at := t.home(key)
	if !t.nodes[at].used {
		t.nodes[at] = luaNode{key, true, -1}
		return
	}
	for t.free--; t.free >= 0 && t.nodes[t.free].used; t.free-- {
	}
	if t.free < 0 {
		t.grow(key)
		return
	}
	if home := t.home(t.nodes[at].key); home != at { // who sits there belongs elsewhere and moves
		for t.nodes[home].next != at {
			home = t.nodes[home].next
		}
		t.nodes[home].next, t.nodes[t.free] = t.free, t.nodes[at]
		t.nodes[at] = luaNode{key, true, -1}
		return
	}
	t.nodes[t.free] = luaNode{key, true, t.nodes[at].next}
	t.nodes[at].next = t.free
}

// grow makes room for all keys and one more, which is put in last.
func (t *luaTable) grow(key int64) {
	keys := t.walk()
	size, inArray := arraySize(append(keys, key))
	old := t.nodes
	for len(t.array) < size {
		t.array = append(t.array, false)
	}
	t.nodes, t.free = nil, 0
	if rest := len(keys) + 1 - inArray; rest > 0 {
		t.free = 1 << max(1, bits.Len(uint(rest-1)))
		t.nodes = make([]luaNode, t.free)
	}
	for _, n := range old {
		if n.used {
			t.insert(n.key)
		}
	}
	t.insert(key)
}

// arraySize is how long the array is for keys, and how many of them it holds.
func arraySize(keys []int64) (size, held int) {
	var bins [28]int // keys above 1<<(n) up to 1<<(n+1)
	total := 0
	for _, k := range keys {
		if k >= 0 && k < 1<<27 {
			bins[bits.Len64(uint64(max(k, 2)-1))-1]++
			total++
		}
	}
	sum := 0
	for b := 0; b < len(bins) && 2*total > 1<<b && sum != total; b++ {
		if sum += bins[b]; bins[b] > 0 && 2*sum > 1<<b {
			size, held = 2<<b+1, sum
		}
	}
	return size, held
}
