package reassembly

// piece is a run of bytes of a datagram in a buffer of its own. buf is as long as its class; end-off bytes are used.
type piece struct {
	off, end int
	next     *piece
	buf      []byte
}

func (p *piece) bytes() []byte { return p.buf[:p.end-p.off] }

// fragClasses are the sizes of buffers: for hostile crumbs, Ethernet, jumbo frames, and all there can be. A fragment
// takes at most eight times its size (from 32 bytes on), so small ones do not buy much room.
var fragClasses = [...]int{256, 2048, 16384, 65536}

// fragPool hands out buffers and takes them back; all it has made and not dropped are within max bytes.
type fragPool struct {
	max  int
	size int
	free [len(fragClasses)]*piece
}

func fragClass(n int) int {
	c := 0
	for c < len(fragClasses)-1 && fragClasses[c] < n {
		c++
	}
	return c
}

// get returns a buffer for n bytes, nil if there is no room for one.
func (p *fragPool) get(n int) *piece {
	c := fragClass(n)
	if b := p.free[c]; b != nil {
		p.free[c] = b.next
		b.next = nil
		return b
	}
	for p.size+fragClasses[c] > p.max {
		if !p.drop() {
			return nil
		}
	}
	p.size += fragClasses[c]
	return &piece{buf: make([]byte, fragClasses[c])}
}

func (p *fragPool) put(b *piece) {
	c := fragClass(len(b.buf))
	b.next = p.free[c]
	p.free[c] = b
}

// drop leaves one unused buffer, of the largest there are, to the garbage collector.
func (p *fragPool) drop() bool {
	for c := len(fragClasses) - 1; c >= 0; c-- {
		if b := p.free[c]; b != nil {
			p.free[c] = b.next
			p.size -= fragClasses[c]
			return true
		}
	}
	return false
}
