// The benchmark of docs/bench.md for system calls: a file of 1.8 million events, made by repeating the calls of one small
// program with times that go on, is shown, counted and scanned by tapir and by sysdig in turn, in one run. What is compared
// is the processor time of each, user and system, the least of three. Without sysdig only tapir is measured.
//
//	go run ./bench/sys [-tapir FILE] [-events N]
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tapir-project/tapir/scap"
)

// jobs are the runs, each with how many times faster than sysdig it is to be.
var jobs = []struct {
	name string
	args []string
	want float64
}{
	{"quiet scan", []string{"-q"}, 0.8},
	{"filter fd.port=80", []string{"fd.port=80"}, 0.8},
	{"default text", nil, 5},
	{"JSON", []string{"-j"}, 4},
	{"-c topscalls", []string{"-c", "topscalls"}, 2},
	{"-c topprocs_file", []string{"-c", "topprocs_file"}, 2},
	{"-c topconns", []string{"-c", "topconns"}, 2},
}

func main() {
	tapir := flag.String("tapir", "./tapir", "the program")
	events := flag.Int("events", 1_800_000, "events of the file")
	flag.Parse()
	file := filepath.Join("bench", "out", "calls.scap")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := generate(file, *events); err != nil {
		log.Fatal(err)
	}
	peer, _ := exec.LookPath("sysdig")
	fmt.Printf("%-20s %10s %10s %8s %8s\n", "", "tapir", "sysdig", "faster", "wanted")
	failed := false
	for _, j := range jobs {
		ours := measure(append([]string{*tapir, "sys", "-r", file}, j.args...))
		if peer == "" {
			fmt.Printf("%-20s %9.2fs %10s\n", j.name, ours.Seconds(), "absent")
			continue
		}
		theirs := measure(append([]string{peer, "-r", file}, j.args...))
		ratio := theirs.Seconds() / ours.Seconds()
		fmt.Printf("%-20s %9.2fs %9.2fs %7.1fx %7.1fx\n", j.name, ours.Seconds(), theirs.Seconds(), ratio, j.want)
		failed = failed || ratio < j.want
	}
	if failed {
		os.Exit(1)
	}
}

// measure is the least processor time of three runs.
func measure(cmd []string) time.Duration {
	least := time.Duration(1 << 62)
	for range 3 {
		c := exec.Command(cmd[0], cmd[1:]...)
		if err := c.Run(); err != nil {
			log.Fatalf("%v: %v", cmd, err)
		}
		least = min(least, c.ProcessState.UserTime()+c.ProcessState.SystemTime())
	}
	return least
}

// generate writes the calls of a program that opens, reads and maps its libraries, asks a name server and a web server,
// and writes what it got, again and again.
func generate(name string, events int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := scap.NewWriter(f, true)
	const tid = 4711
	for _, e := range []any{&scap.Section{}, &scap.Machine{CPUs: 2, Host: "bench"}, &scap.User{ID: 1000, Name: "bench", Home: "/home/bench", Shell: "/bin/sh"},
		&scap.Process{TID: 1, PID: 1, Comm: "init", Exe: "/sbin/init", Cwd: "/", Root: "/", VTID: 1, VPID: 1},
		&scap.Process{TID: tid, PID: tid, Parent: 1, Comm: "fetch", Exe: "fetch", Cwd: "/home/bench/", Root: "/", UID: 1000, VTID: tid, VPID: tid, FDLimit: 1024}} {
		if err := w.Table(e); err != nil {
			return err
		}
	}
	g := &calls{w: w, now: 1_700_000_000e9, tid: tid}
	for g.n < events {
		g.round()
	}
	if g.err != nil {
		return g.err
	}
	return w.Flush()
}

// calls writes events one after the other.
type calls struct {
	w   *scap.Writer
	n   int
	now int64
	tid int64
	err error
}

// add writes an event; a parameter is an int64, uint32, uint16, uint8, string (with its NUL) or []byte.
func (g *calls) add(kind scap.Type, params ...any) {
	var lengths, data []byte
	for _, p := range params {
		at := len(data)
		switch p := p.(type) {
		case string:
			data = append(append(data, p...), 0)
		case []byte:
			data = append(data, p...)
		default:
			data, _ = binary.Append(data, binary.LittleEndian, p)
		}
		lengths = binary.LittleEndian.AppendUint16(lengths, uint16(len(data)-at))
	}
	g.n++
	g.now += 1500
	e := scap.Event{Time: g.now, Thread: g.tid, Type: kind, CPU: uint16(g.n & 1)}
	if !e.Set(lengths, data) {
		log.Fatal("parameters do not fit")
	}
	if err := g.w.Event(&e); err != nil && g.err == nil {
		g.err = err
	}
}

func tuple(sport uint16, server [4]byte, port uint16) []byte {
	b := append([]byte{2, 10, 0, 0, 5}, byte(sport), byte(sport>>8))
	return append(append(b, server[:]...), byte(port), byte(port>>8))
}

// round is one run of the program: about 500 events.
func (g *calls) round() {
	elf := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 73)...)
	for i := range 24 {
		lib := fmt.Sprintf("/usr/lib/x86_64-linux-gnu/libfetch-%d.so.%d", i, i%7)
		g.add(264, uint32(0))
		g.add(265, int64(-2), "/etc/ld.so.nohwcap")
		g.add(2)
		g.add(3, int64(3), lib, uint32(4097), uint32(0), uint32(0))
		g.add(6, int64(3), uint32(832))
		g.add(7, int64(832), elf)
		g.add(70, int64(3))
		g.add(71, int64(0))
		for range 3 {
			g.add(160, int64(0), int64(2540616), uint32(5), uint32(1026), int64(3), int64(0))
			g.add(161, int64(0x7fa6972c3000), uint32(3024), uint32(4), uint32(0))
		}
		g.add(4, int64(3))
		g.add(5, int64(0))
	}
	sport := uint16(20000 + g.n%30000)
	for _, s := range []struct {
		kind uint32
		ip   [4]byte
		port uint16
		ask  string
	}{{2, [4]byte{10, 0, 0, 1}, 53, "www.example.org"}, {1, [4]byte{192, 0, 2, 80}, 80, "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"}} {
		to := append([]byte{2}, append(s.ip[:], byte(s.port), byte(s.port>>8))...)
		g.add(18, uint32(2), s.kind, uint32(0))
		g.add(19, int64(5))
		g.add(22, int64(5), to)
		g.add(23, int64(0), tuple(sport, s.ip, s.port))
		g.add(30, int64(5), uint32(len(s.ask)), []byte{})
		g.add(31, int64(len(s.ask)), []byte(s.ask))
		for range 8 {
			g.add(34, int64(5), uint32(16384))
			g.add(35, int64(6040), append([]byte("HTTP/1.1 200 OK\r\n"), elf...)[:80], []byte{})
			g.add(8, int64(1), uint32(6040))
			g.add(9, int64(6040), elf)
		}
		g.add(4, int64(5))
		g.add(5, int64(0))
	}
}
