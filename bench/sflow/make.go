package main

import (
	"bufio"
	"errors"
	"os"
	"time"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
)

// start is the time of the first datagram made.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// makeCapture writes a capture of n datagrams of one kind of agents.
func makeCapture(file, kind string, n int) (err error) {
	m, err := datagrams.New(kind, 4)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	buf := pcapio.AppendPcapHeader(nil, record.LinkEthernet, 65535)
	var frame []byte
	for i := range n {
		from, b := m.Next()
		frame = datagrams.Packet(frame[:0], from, b)
		buf = pcapio.AppendPacket(buf, &record.Packet{Time: start.UnixNano() + int64(i)*1e7, Data: frame, WireLen: uint32(len(frame))})
		if _, err := w.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	return w.Flush()
}
