package parquet

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/record"
)

func TestGen(t *testing.T) {
	dir := os.Getenv("GEN")
	if dir == "" {
		t.Skip()
	}
	n, _ := strconv.Atoi(os.Getenv("N"))
	w, err := OpenWriter(dir, Options{SealEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t0 := time.Now()
	src := traffic.New(traffic.Config{})
	var b record.Batch
	for i := 0; i < n; i++ {
		src.Session(b.Next())
		if b.Len() == 500 {
			if err := w.Add(&b); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	w.Add(&b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Println(time.Since(t0)/time.Duration(n), w.Stats())
}
