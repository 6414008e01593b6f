package app

import "time"

// sample is what counters stood at.
type sample struct {
	at       time.Time
	counts   [nCounters]float64
	networks map[int]network // by the kernel's number of the interface
}

// The counters whose rates are told. They only grow.
const (
	countPackets = iota
	countBytes
	countSessions
	countTransactions
	countLost
	countPacketDisk // bytes of packets written to the disk
	countRecordDisk
	nCounters
)

// network is what the kernel counts of an interface, both directions.
type network struct {
	packets, bytes, dropped uint64
	up                      bool
}

const (
	// rateOver is the time that rates of traffic are measured over, diskOver those of the disk: it is written in bursts.
	rateOver = 5 * time.Second
	diskOver = 5 * time.Minute
)

// meter turns counters, sampled about once a second, into rates. The zero meter is ready; one goroutine uses it.
type meter struct {
	samples []sample // oldest first; they reach back by diskOver
}

func (m *meter) add(s sample) {
	drop := 0
	for drop < len(m.samples)-1 && s.at.Sub(m.samples[drop+1].at) >= diskOver {
		drop++
	}
	m.samples = append(m.samples[:0], m.samples[drop:]...)
	if n := len(m.samples); n > 0 && s.at.Sub(m.samples[n-1].at) > rateOver {
		m.samples = m.samples[:0] // the machine slept
	}
	m.samples = append(m.samples, s)
}

// over gives the latest sample and the one that is as old as d, or the oldest; ok is false while there is one alone.
func (m *meter) over(d time.Duration) (from, to *sample, seconds float64, ok bool) {
	if len(m.samples) < 2 {
		return nil, nil, 0, false
	}
	to = &m.samples[len(m.samples)-1]
	i := len(m.samples) - 2
	for i > 0 && to.at.Sub(m.samples[i].at) < d {
		i--
	}
	from = &m.samples[i]
	seconds = to.at.Sub(from.at).Seconds()
	return from, to, seconds, seconds > 0
}

// rate is how fast a counter grows, in a second; 0 while it is not known.
func (m *meter) rate(counter int, d time.Duration) float64 {
	from, to, seconds, ok := m.over(d)
	if !ok {
		return 0
	}
	return max(0, to.counts[counter]-from.counts[counter]) / seconds
}

// network is what an interface carries in a second.
func (m *meter) network(index int) (packets, bytes float64) {
	from, to, seconds, ok := m.over(rateOver)
	if !ok {
		return 0, 0
	}
	a, known := from.networks[index]
	b := to.networks[index]
	if !known || b.packets < a.packets || b.bytes < a.bytes { // it came, or came back
		return 0, 0
	}
	return float64(b.packets-a.packets) / seconds, float64(b.bytes-a.bytes) / seconds
}
