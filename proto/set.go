package proto

import "fmt"

// Set is the protocols of a run, arranged for detection. It is immutable and shared by all workers.
type Set struct {
	all    []*Protocol
	byName map[string]*Protocol
	lists  map[Transport][]*Protocol
	ports  map[portKey][]*Protocol
	number map[numberKey]*Protocol
}

type portKey struct {
	t Transport
	p uint16
}

type numberKey struct {
	t Transport
	n uint16
}

// NewSet arranges protocols; earlier ones are asked first. Two of one name are our own bug and panic.
func NewSet(all []*Protocol) *Set {
	s := &Set{all: all, byName: map[string]*Protocol{}, lists: map[Transport][]*Protocol{}, ports: map[portKey][]*Protocol{}, number: map[numberKey]*Protocol{}}
	for _, p := range all {
		if s.byName[p.Name] != nil {
			panic(fmt.Sprintf("proto: two protocols are called %s", p.Name))
		}
		s.byName[p.Name] = p
		for t := TCP; t <= Sub; t <<= 1 {
			if p.Transport&t == 0 {
				continue
			}
			for _, n := range p.Numbers {
				s.number[numberKey{t, n}] = p
			}
			if p.Match != nil {
				s.lists[t] = append(s.lists[t], p)
			}
			for _, port := range p.Ports {
				s.ports[portKey{t, port}] = append(s.ports[portKey{t, port}], p)
			}
		}
	}
	return s
}

// All lists the protocols in the order of detection.
func (s *Set) All() []*Protocol { return s.all }

// ByName finds a protocol, nil if there is none of that name.
func (s *Set) ByName(name string) *Protocol { return s.byName[name] }

// match asks for the protocol of p: those at home on its ports first, then all. more says that some cannot tell
// yet; final, that there will be no more bytes.
func (s *Set) match(p *Probe, number uint16, final bool) (found *Protocol, more bool) {
	if p.Transport&(IP|Link) != 0 {
		return s.number[numberKey{p.Transport, number}], false
	}
	for i := 1; i >= 0; i-- { // the server's port tells more
		for _, c := range s.ports[portKey{p.Transport, p.Port[i]}] {
			if c.Match == nil {
				continue
			}
			switch c.Match(p) {
			case Yes:
				return c, false
			case More:
				more = true
			}
		}
	}
	if more && !final {
		return nil, true // wait for the protocol that is at home here before another claims the bytes
	}
	for _, c := range s.lists[p.Transport] {
		switch c.Match(p) {
		case Yes:
			return c, false
		case More:
			more = true
		}
	}
	return nil, more
}

// byPort is the protocol that a port alone is enough for.
func (s *Set) byPort(p *Probe) *Protocol {
	for i := 1; i >= 0; i-- {
		for _, c := range s.ports[portKey{p.Transport, p.Port[i]}] {
			if c.PortOnly {
				return c
			}
		}
	}
	return nil
}
