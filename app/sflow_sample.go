package app

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/source"
)

// What a capture's samples say of themselves: the agent 0.0.0.0, which no device has, and sflowtool's sub-agent.
const (
	captureSubAgent = 0x5f10
	sampledBytes    = 128 // of a packet
)

// SampleCapture samples one of n packets of capture files, at random but the same every time, and gives datagrams of flow
// samples to emit, each with the time of its last packet. playback is the speed: 1 as it was captured, 0 at once.
func SampleCapture(ctx context.Context, in ReadFiles, n uint32, playback float64, emit func(b []byte, at time.Time) error) error {
	src, err := openFiles(in)
	if err != nil {
		return err
	}
	defer src.Close()
	s := captureSampler{n: n, rng: rand.New(rand.NewPCG(uint64(n), 1)), emit: emit}
	s.skip = s.next()
	clock := playbackClock{speed: playback}
	err = src.Run(ctx, func(b *source.Block) error {
		for i := range b.Packets {
			if err := clock.wait(ctx, b.Packets[i].Time); err != nil {
				return err
			}
			if err := s.packet(&b.Packets[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.flush()
	}
	return err
}

// playbackClock holds packets back until their time has come.
type playbackClock struct {
	speed float64
	first int64 // ns, of the first packet
	begin time.Time
}

func (c *playbackClock) wait(ctx context.Context, at int64) error {
	if c.speed <= 0 {
		return ctx.Err()
	}
	if c.begin.IsZero() {
		c.first, c.begin = at, time.Now()
	}
	d := time.Until(c.begin.Add(time.Duration(float64(at-c.first) / c.speed)))
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// captureSampler draws packets and fills datagrams.
type captureSampler struct {
	n, skip          uint32
	rng              *rand.Rand
	emit             func([]byte, time.Time) error
	e                sflow.Encoder
	open             bool
	datagrams, drawn uint32
	pool             uint32
	started          int64
	last             int64
}

// next is how far the next sample is: n on average.
func (s *captureSampler) next() uint32 { return 1 + s.rng.Uint32N(2*s.n-1) }

// headers are the protocols of sampled headers by link type.
var headers = map[record.LinkType]uint32{record.LinkEthernet: sflow.HeaderEthernet, record.LinkIPv4: sflow.HeaderIPv4, record.LinkIPv6: sflow.HeaderIPv6,
	record.LinkIEEE80211: sflow.HeaderWifi, record.LinkPPP: sflow.HeaderPPP}

func (s *captureSampler) packet(p *record.Packet) error {
	protocol := headers[p.Link]
	if p.Link == record.LinkRaw && len(p.Data) > 0 {
		protocol = map[byte]uint32{4: sflow.HeaderIPv4, 6: sflow.HeaderIPv6}[p.Data[0]>>4]
	}
	if protocol == 0 {
		return nil // sFlow has no name for how it begins
	}
	if s.started == 0 {
		s.started = p.Time
	}
	s.last = p.Time
	s.pool++
	if s.skip--; s.skip > 0 {
		return nil
	}
	s.skip = s.next()
	s.drawn++
	h := sflow.Header{Protocol: protocol, FrameLength: p.WireLen, Bytes: p.Data[:min(len(p.Data), sampledBytes)]}
	if protocol == sflow.HeaderEthernet { // captures have no FCS
		h.FrameLength, h.Stripped = p.WireLen+4, 4
	}
	s.add(&h)
	if s.e.Len() <= sflow.MaxDatagram {
		return nil
	}
	s.e.Undo()
	if err := s.flush(); err != nil {
		return err
	}
	s.add(&h)
	return nil
}

// add adds a sample to the datagram.
func (s *captureSampler) add(h *sflow.Header) {
	if !s.open {
		s.open = true
		s.datagrams++
		s.e.Start(&sflow.Datagram{Agent: netip.AddrFrom4([4]byte{}), SubAgent: captureSubAgent, Sequence: s.datagrams, Uptime: uint32((s.last - s.started) / 1e6)})
	}
	s.e.Begin(&sflow.Sample{Tag: sflow.TagFlowExpanded, Sequence: s.drawn, Rate: s.n, Pool: s.pool})
	s.e.Add(h)
	s.e.End()
}

// flush hands the datagram on, if it has samples.
func (s *captureSampler) flush() error {
	if !s.open || s.e.Samples() == 0 {
		return nil
	}
	s.open = false
	return s.emit(s.e.Bytes(), time.Unix(0, s.last))
}
