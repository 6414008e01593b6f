package syscalls

import (
	"fmt"
	"strings"

	"github.com/tapir-project/tapir/scap"
)

// seenSockets are the sockets that the inspector was told of, where calls that open and close them are not captured.
type seenSockets struct {
	of      map[socketKey]socketEnds
	servers map[uint16]bool // ports that are listened on
	refresh int64           // when they were read last, ns
}

// socketKey is a descriptor of a process.
type socketKey struct{ pid, fd uint32 }

// socketEnds tell a socket from the one that had the descriptor before.
type socketEnds struct {
	self          uint64
	local, remote uint16
}

// maxSeen is how many sockets are remembered; beyond it they are told of anew.
const maxSeen = 1 << 16

// watch is tell, for the tables of the capture's beginning, which are listened to for servers.
func (s *seenSockets) watch(tell func(entry any)) func(entry any) {
	s.of, s.servers = map[socketKey]socketEnds{}, map[uint16]bool{}
	if tell == nil {
		return nil
	}
	return func(entry any) {
		if d, ok := entry.(*scap.Descriptor); ok && (d.Type == scap.FDIPv4Server || d.Type == scap.FDIPv6Server) {
			s.servers[d.SourcePort] = true
		}
		tell(entry)
	}
}

// where is the op number of the chunk with the ends of the socket that a call went through.
const where = 7

// see tells of the socket of the call at hand, if that was not done.
func (s *seenSockets) see(d *decoder, tell func(entry any)) {
	e, ok := readEnds(d.bytes(where, 0))
	fd, uses := d.call.descriptor()
	if !ok || !uses || tell == nil {
		return
	}
	key := socketKey{d.pid, uint32(d.args[fd])}
	now := socketEnds{e.self, e.localPort, e.remotePort}
	if s.of[key] == now {
		return
	}
	if len(s.of) >= maxSeen {
		clear(s.of)
	}
	s.of[key] = now
	entry := &scap.Descriptor{Thread: int64(d.pid), FD: int64(int32(d.args[fd])), Type: scap.FDIPv4, L4: scap.L4TCP, SourcePort: e.localPort, Port: e.remotePort}
	if e.family == familyINET6 {
		entry.Type = scap.FDIPv6
	}
	copy(entry.Source[:], e.local)
	copy(entry.Dest[:], e.remote)
	entry.Role = scap.Client
	if s.serves(d.pid, e.localPort, d.left) {
		entry.Role = scap.Server
	}
	tell(entry)
}

// serves says whether somebody listens on the port where the process is. What is not known is looked up, at most ten times a second.
func (s *seenSockets) serves(pid uint32, port uint16, now int64) bool {
	if s.servers[port] {
		return true
	}
	const pause = 1e8
	if now-s.refresh < pause {
		return false
	}
	s.refresh = now
	for _, name := range []string{"tcp", "tcp6"} {
		for line := range lines(fmt.Sprintf("/proc/%d/net/%s", pid, name)) {
			if d, _, ok := inetSocket(strings.Fields(line)); ok && (d.Type == scap.FDIPv4Server || d.Type == scap.FDIPv6Server) {
				s.servers[d.SourcePort] = true
			}
		}
	}
	return s.servers[port]
}
