package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
)

// printing measures `tapir sflow decode` as a whole, and sflowtool beside it where that is installed.
func printing(o options) error {
	dir, err := os.MkdirTemp("", "tapir-sflow-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("| datagrams | program | format | CPU s | datagrams/CPU-s |\n| --- | --- | --- | --- | --- |\n")
	for _, kind := range []string{datagrams.Switch, datagrams.HTTP} {
		file := filepath.Join(dir, kind+".pcap")
		if err := makeCapture(file, kind, o.n); err != nil {
			return err
		}
		for _, format := range []string{"text", "line", "json", "json-pretty", "http", "ndjson"} {
			if err := program(o.n, kind, "tapir", format, exec.Command(o.tapir, "sflow", "decode", "--format", format, file)); err != nil {
				return err
			}
		}
		if _, err := exec.LookPath("sflowtool"); err != nil {
			continue
		}
		for format, option := range map[string]string{"text": "-k", "line": "-l", "json": "-j", "http": "-H"} {
			if err := program(o.n, kind, "sflowtool", format, exec.Command("sflowtool", "-r", file, option)); err != nil {
				return err
			}
		}
	}
	fmt.Println()
	return nil
}

// program runs one and prints what it took.
func program(n int, kind, name, format string, c *exec.Cmd) error {
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	took := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	fmt.Printf("| %s | %s | %s | %.2f | %.0f |\n", kind, name, format, took.Seconds(), float64(n)/max(took, time.Millisecond).Seconds())
	return nil
}
