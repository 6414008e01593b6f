package chisel

import (
	"slices"
	"testing"
)

// The orders were read off sysdig 0.29.3's lsof and netstat.
func TestOrderOfTables(t *testing.T) {
	pairs := func(came ...int64) []int64 {
		var table luaTable
		for _, k := range hashOrder(came) {
			table.insert(k)
		}
		return table.walk()
	}
	for _, c := range []struct{ came, want []int64 }{
		{nil, nil},
		{[]int64{7}, []int64{7}},
		{[]int64{5, 3, 4, 1, 2, 0}, []int64{0, 1, 2, 3, 4, 5}}, // an array
		{[]int64{980, 1182, 1397, 3111, 3199}, []int64{980, 3199, 1182, 3111, 1397}},
	} {
		if got := pairs(c.came...); !slices.Equal(got, c.want) {
			t.Errorf("%d: %d, want %d", c.came, got, c.want)
		}
	}
}

// A table walks what was put into it, each key once, whatever the keys are.
func FuzzOrderOfTables(f *testing.F) {
	f.Add(uint64(1), uint64(17), uint8(200))
	f.Add(uint64(1<<63), uint64(1<<40+1), uint8(255))
	f.Fuzz(func(t *testing.T, first, step uint64, n uint8) {
		var came []int64
		for i := range uint64(n) {
			if k := int64(first + i*step); k != -1 && !slices.Contains(came, k) {
				came = append(came, k)
			}
		}
		var table luaTable
		for _, k := range hashOrder(came) {
			table.insert(k)
		}
		got := table.walk()
		slices.Sort(got)
		slices.Sort(came)
		if !slices.Equal(got, came) {
			t.Errorf("%d came, %d are walked", came, got)
		}
	})
}
