package host

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
	"github.com/tapir-project/tapir/sflow/agent/agenttest"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// inNamespace runs the test again in a network namespace of its own, which /sys shows too, and says whether this is that.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("TAPIR_TEST_NETNS") != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: interfaces are made, and packets sampled")
	}
	name := fmt.Sprintf("tapir-host-%d", os.Getpid())
	ip := func(args ...string) {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %s", args, out)
		}
	}
	ip("netns", "add", name)
	defer ip("netns", "del", name)
	ip("-n", name, "link", "set", "lo", "up")
	ip("-n", name, "link", "add", "tapir0", "type", "veth", "peer", "name", "tapir1")
	ip("-n", name, "link", "set", "tapir0", "up")
	ip("-n", name, "link", "set", "tapir1", "up")
	c := exec.Command("ip", "netns", "exec", name, os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
	c.Env = append(os.Environ(), "TAPIR_TEST_NETNS=1")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

// One packet in N is sampled, with its length and direction, and the interface's counters are its own.
func TestPackets(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const near, far = "tapir0", "tapir1"
	index, err := net.InterfaceByName(near)
	if err != nil {
		t.Fatal(err)
	}
	c := agenttest.New(t)
	a := agent.New(agent.Options{})
	const rate, packets = 10, 20000
	cfg := c.Config(rate, time.Second)
	h, err := Open(a, Options{Interfaces: []string{near}})
	if err != nil {
		t.Fatal(err)
	}
	a.Configure(cfg)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { h.Run(ctx); close(stopped) }()
	end := agenttest.Run(t, a)
	c.Until(5*time.Second, func() bool { return len(c.Counters) > 0 }) // so the rate is set
	send(t, far, packets)
	c.Drain(700 * time.Millisecond)
	n := 0
	for _, f := range c.Flows {
		if len(f.Header.Bytes) < 14 || f.Header.Bytes[12] != 0x88 || f.Header.Bytes[13] != 0xb5 {
			continue // the kernel's own: neighbour discovery
		}
		n++
		if f.Header.FrameLength != 600+fcs || f.Header.Stripped != fcs || len(f.Header.Bytes) != 128 || f.Header.Protocol != sflow.HeaderEthernet || f.Rate != rate ||
			f.Source.Class != 0 || f.Source.Index != uint32(index.Index) || f.Input.Value != uint32(index.Index) || f.Output != sflow.PortInternal {
			t.Fatalf("%+v", f)
		}
	}
	p := 1.0 / rate
	mean, sigma := packets*p, math.Sqrt(packets*p*(1-p))
	t.Logf("%d of %d packets at 1:%d: %+.2f sigma", n, packets, rate, (float64(n)-mean)/sigma)
	if math.Abs(float64(n)-mean) > 3.9*sigma {
		t.Errorf("%d of %d packets drawn, want %.0f +- %.0f", n, packets, mean, sigma)
	}
	stop()
	<-stopped
	end()
	c.Drain(300 * time.Millisecond)
	last := c.Counters[len(c.Counters)-1]
	if got := last.Port; got.Index != uint32(index.Index) || got.Type != 6 || got.Status != 3 || got.InUnicast < packets || got.InOctets < packets*600 || got.OutUnicast > 1000 ||
		!slices.Equal(last.Tags, []sflow.Tag{sflow.TagInterface, sflow.TagPortName}) {
		t.Errorf("%+v %v", got, last.Tags)
	}
}

// send puts frames of 600 bytes on an interface.
func send(t *testing.T, name string, n int) {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	frame := make([]byte, 600)
	copy(frame, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5") // an experimental type
	for k := range n {
		if k%500 == 0 {
			time.Sleep(5 * time.Millisecond) // a rate that the agent's queue can take
		}
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
			t.Fatal(err)
		}
	}
}

// The kernel's random number is compared with the nearest threshold there is.
func TestProgram(t *testing.T) {
	for _, n := range []uint32{0, 1, 2, 3, 400, 1 << 20, math.MaxUint32} {
		if _, err := bpf.Assemble(program(n)); err != nil {
			t.Errorf("1:%d: %v", n, err)
		}
		if n > 1 {
			threshold := float64(program(n)[1].(bpf.JumpIf).Val)
			if math.Abs(threshold*float64(n)/(1<<32)-1) > float64(n)/(1<<32) {
				t.Errorf("1:%d: threshold %v", n, threshold)
			}
		}
	}
}

func TestRetag(t *testing.T) {
	buf := append(make([]byte, vlanTag), "ddddddssssss\x08\x00payload"...)
	if got := string(retag(buf, len(buf)-vlanTag, 0x8100, 0x2064)); got != "ddddddssssss\x81\x00\x20\x64\x08\x00payload" {
		t.Errorf("%q", got)
	}
}

// The host's records from the kernel's files as they stood once.
func TestHostCounters(t *testing.T) {
	h := &Host{files: func(path string) []byte {
		return []byte(map[string]string{
			"/proc/loadavg":   "0.25 1.50 2.00 3/456 7890\n",
			"/proc/stat":      "cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 50 10 15 2000 25 3 3 4 4 5\ncpu1 50 10 15 2000 25 3 4 4 5 5\nintr 12345 0\nctxt 67890\n",
			"/proc/cpuinfo":   "cpu MHz\t\t: 2100.123\n",
			"/proc/uptime":    "3600.55 7000.00\n",
			"/proc/meminfo":   "MemTotal:  1000 kB\nMemFree: 200 kB\nBuffers: 30 kB\nCached: 400 kB\nSwapTotal: 5 kB\nSwapFree: 4 kB\nShmem: 3 kB\n",
			"/proc/vmstat":    "pgpgin 11\npgpgout 12\npswpin 13\npswpout 14\n",
			"/proc/diskstats": "8 0 sda 100 0 2000 30 40 0 500 60 0 70 80\n8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n7 0 loop0 9 9 9 9 9 9 9 9 9 9 9\n",
			"/proc/net/dev":   "Inter-|\n face |bytes\n    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n",
			"/proc/net/snmp": "Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 777\nIcmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs\nIcmp: 5 4 3 2 1 9\n" +
				"Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens\nTcp: 1 200 120000 -1 42\n",
			"/sys/class/block/sda1/partition": "1\n",
			"/etc/machine-id":                 "000102030405060708090a0b0c0d0e0f\n",
		}[path])
	}}
	got := fmt.Sprintf("%+v\n%+v\n%+v\n%v", *h.cpu(), *h.memory(), *h.network(), h.id().UUID)
	want := `{Load1:0.25 Load5:1.5 Load15:2 Running:3 Processes:456 CPUs:2 MHz:2100 Uptime:3600 User:1000 Nice:200 System:300 Idle:40000 IOWait:500 Interrupt:60 SoftIRQ:70 Interrupts:12345 ContextSwitches:67890 Steal:80 Guest:90 GuestNice:100}
{Total:1024000 Free:204800 Shared:3072 Buffers:30720 Cached:409600 SwapTotal:5120 SwapFree:4096 PageIn:11 PageOut:12 SwapIn:13 SwapOut:14}
{BytesIn:1000 PacketsIn:10 ErrorsIn:1 DropsIn:2 BytesOut:2000 PacketsOut:20 ErrorsOut:3 DropsOut:4}
[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15]`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d := h.disk(); d.Reads != 100 || d.BytesRead != 2000*512 || d.ReadTime != 30 || d.Writes != 40 || d.BytesWritten != 500*512 || d.WriteTime != 60 {
		t.Errorf("%+v", *d)
	}
}

// What a collector receives of this host: every record, whole, and the numbers of /proc/net/snmp in their fields.
func TestHostSample(t *testing.T) {
	c := agenttest.New(t)
	a := agent.New(agent.Options{})
	a.Configure(c.Config(0, time.Hour))
	h, err := Open(a, Options{Counters: true})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	agenttest.Run(t, a)()
	c.Until(5*time.Second, func() bool { return len(c.Counters) == 1 })
	s := c.Counters[0]
	want := []sflow.Tag{sflow.TagHostID, sflow.TagAdaptors, sflow.TagHostCPU, sflow.TagHostMemory, sflow.TagHostDisk, sflow.TagHostNetwork,
		sflow.TagHostIP, sflow.TagHostICMP, sflow.TagHostTCP, sflow.TagHostUDP}
	if !slices.Equal(s.Tags, want) || s.Source != (sflow.Source{Class: 2, Index: 1}) {
		t.Errorf("source %v, records %v, want %v", s.Source, s.Tags, want)
	}
	values := map[string]uint64{}
	var r sflow.Record
	for records := s.Records(); records.Next(&r); {
		var v sflow.Value
		for fields := r.Fields(); fields.Next(&v); {
			values[v.Field.Name] = v.Num
		}
	}
	for _, name := range []string{"ipDefaultTTL", "tcpInSegs", "udpInDatagrams", "icmpInParamProbs"} {
		if v, known := values[name]; !known || v == unknown32 || name[0] != 'i' && v == 0 {
			t.Errorf("%s is %d, known %v", name, v, known)
		}
	}
}
