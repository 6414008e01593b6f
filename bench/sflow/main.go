// Command sflow measures how fast sFlow is read, printed and collected, beside other implementations in the same run.
//
//	go run ./bench/sflow -make switch -n 500000 -w switch.pcap
//
// With -make it only writes a capture of made-up datagrams (package datagrams).
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	kind := flag.String("make", "", "write a capture of this kind of datagrams: switch, http or flow")
	n := flag.Int("n", 500_000, "datagrams")
	file := flag.String("w", "", "file to write")
	flag.Parse()
	if err := run(*kind, *file, *n); err != nil {
		fmt.Fprintln(os.Stderr, "sflow:", err)
		os.Exit(1)
	}
}

func run(kind, file string, n int) error {
	if kind == "" || file == "" {
		return fmt.Errorf("what to make, and where? (-make switch -w FILE)")
	}
	return makeCapture(file, kind, n)
}
