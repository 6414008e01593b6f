// Command sflow measures how fast sFlow is read, printed and collected, beside other implementations in the same run:
//
//   - decoding in memory on one core: ours field by field and as structs, goflow2, gopacket;
//   - `tapir sflow decode` of a capture as text, lines and JSON;
//   - `tapir sflow collect`: datagrams of one flow sample at a steady rate over loopback, into the store and without.
//
// It makes its own datagrams (package datagrams).
//
//	go run ./bench/sflow [-tapir ./tapir] [-n 500000] [-only decode,print,collect]
//	go run ./bench/sflow -make switch -n 10 -w switch.pcap
//
// CPU is user and system time of the process measured. Figures are printed as tables for docs/bench.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// options are those of the command line.
type options struct {
	tapir            string
	n                int
	stored, unstored int
	seconds          int
}

func main() {
	var o options
	flag.StringVar(&o.tapir, "tapir", "./tapir", "the program")
	flag.IntVar(&o.n, "n", 500_000, "datagrams of a file")
	flag.IntVar(&o.stored, "stored", 50_000, "datagrams a second that are stored")
	flag.IntVar(&o.unstored, "unstored", 200_000, "datagrams a second that are not")
	flag.IntVar(&o.seconds, "seconds", 10, "how long they are sent")
	kind := flag.String("make", "", "only write a capture of this kind of datagrams: switch, http or flow")
	file := flag.String("w", "", "file to write")
	only := flag.String("only", "decode,print,collect", "what to measure")
	flag.Parse()
	if err := run(o, *kind, *file, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "sflow:", err)
		os.Exit(1)
	}
}

func run(o options, kind, file string, only []string) error {
	if kind != "" {
		if file == "" {
			return fmt.Errorf("where to? (-w FILE)")
		}
		return makeCapture(file, kind, o.n)
	}
	for _, part := range []struct {
		name string
		do   func(options) error
	}{{"decode", decode}, {"print", printing}, {"collect", collect}} {
		if slices.Contains(only, part.name) {
			if err := part.do(o); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	return nil
}
