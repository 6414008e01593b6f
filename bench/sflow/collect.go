package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
)

// collect sends datagrams of one flow sample over loopback at a steady rate, with and without storing them.
func collect(o options) error {
	fmt.Printf("| stored | asked/s | sent/s | sent | received | lost | records found | collector CPU s | datagrams/CPU-s | sender CPU s |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	if err := collectAt(o, o.stored, true); err != nil {
		return err
	}
	return collectAt(o, o.unstored, false)
}

// collectAt runs one collector.
func collectAt(o options, rate int, stored bool) error {
	dir, err := os.MkdirTemp("", "tapir-sflow-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := c.LocalAddr().(*net.UDPAddr)
	c.Close()
	args := []string{"sflow", "collect", "--data", dir, "--no-api", "-p", addr.String()}
	if !stored {
		args = append(args, "--no-store")
	}
	cmd := exec.Command(o.tapir, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := listening(addr.Port); err != nil {
		return err
	}
	begin := cpu(syscall.RUSAGE_SELF)
	sent, took, err := send(addr, rate, o.seconds)
	sender := cpu(syscall.RUSAGE_SELF) - begin
	time.Sleep(2 * time.Second) // what is in the sockets is read
	cmd.Process.Signal(syscall.SIGTERM)
	if e := cmd.Wait(); err == nil && e != nil {
		err = fmt.Errorf("collect: %w: %s", e, said.String())
	}
	if err != nil {
		return err
	}
	var received int
	line := said.String()
	if i := strings.Index(line, "collected "); i >= 0 {
		fmt.Sscanf(line[i:], "collected %d", &received)
	}
	found := "-"
	if stored {
		if found, err = count(o.tapir, dir); err != nil {
			return err
		}
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Printf("| %v | %d | %.0f | %d | %d | %d | %s | %.2f | %.0f | %.2f |\n", stored, rate, float64(sent)/took.Seconds(), sent, received, sent-received, found,
		used.Seconds(), float64(received)/used.Seconds(), sender.Seconds())
	return nil
}

// listening waits until the kernel has a socket on the port.
func listening(port int) error {
	want := fmt.Sprintf(":%04X ", port)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
			if b, _ := os.ReadFile(file); strings.Contains(string(b), want) {
				return nil
			}
		}
	}
	return fmt.Errorf("the collector does not listen on port %d", port)
}

// send sends datagrams of four agents, from a socket each, every millisecond as many as are due.
func send(to *net.UDPAddr, rate, seconds int) (sent int, took time.Duration, err error) {
	const agents, most = 4, 64
	m, err := datagrams.New(datagrams.Flow, agents)
	if err != nil {
		return 0, 0, err
	}
	var conns [agents]*ipv4.PacketConn
	var queues [agents][]ipv4.Message
	for i := range conns {
		c, err := net.DialUDP("udp4", nil, to)
		if err != nil {
			return 0, 0, err
		}
		defer c.Close()
		conns[i] = ipv4.NewPacketConn(c)
	}
	flush := func(i int) error {
		for q := queues[i]; len(q) > 0; {
			n, err := conns[i].WriteBatch(q, 0)
			if err != nil {
				return err
			}
			q = q[n:]
		}
		queues[i] = queues[i][:0]
		return nil
	}
	begin := time.Now()
	for total := rate * seconds; sent < total; {
		due := min(int(time.Since(begin).Seconds()*float64(rate)), total)
		if due == sent {
			time.Sleep(time.Millisecond)
			continue
		}
		for ; sent < due; sent++ {
			_, b := m.Next()
			i := sent % agents
			queues[i] = append(queues[i], ipv4.Message{Buffers: [][]byte{bytes.Clone(b)}})
			if len(queues[i]) == most {
				if err := flush(i); err != nil {
					return sent, time.Since(begin), err
				}
			}
		}
		for i := range queues {
			if err := flush(i); err != nil {
				return sent, time.Since(begin), err
			}
		}
	}
	return sent, time.Since(begin), nil
}

// count asks how many flow samples are stored.
func count(tapir, dir string) (string, error) {
	out, err := exec.Command(tapir, "search", "--data", dir, "--kind", "sample", "--json", "sflow.type == flow | count").Output()
	if err != nil {
		return "", err
	}
	var table struct{ Rows []struct{ Values []float64 } }
	if err := json.Unmarshal(out, &table); err != nil || len(table.Rows) != 1 || len(table.Rows[0].Values) != 1 {
		return "", fmt.Errorf("count of samples: %s", out)
	}
	return strconv.Itoa(int(table.Rows[0].Values[0])), nil
}
