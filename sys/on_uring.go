package sys

import "github.com/tapir-project/tapir/scap"

// Operations of io_uring that mean something to the state; IORING_OP_x of include/uapi/linux/io_uring.h.
const (
	ringReadv       = 1
	ringWritev      = 2
	ringReadFixed   = 4
	ringWriteFixed  = 5
	ringSendmsg     = 9
	ringRecvmsg     = 10
	ringAccept      = 13
	ringConnect     = 16
	ringOpenat      = 18
	ringClose       = 19
	ringRead        = 22
	ringWrite       = 23
	ringSend        = 26
	ringRecv        = 27
	ringOpenat2     = 28
	ringSocket      = 45
	ringSendZC      = 47
	ringSendmsgZC   = 48
	ringReadMulti   = 49
	ringBind        = 56
	ringReadvFixed  = 60
	ringWritevFixed = 61
	ringInSlot      = 1 << 7 // of its flags: what it opens is no descriptor, but a slot of the ring
)

// ringInfos are the declarations of the two events for operations that read, write, or do neither.
var ringInfos = func() (infos [2][3]scap.Info) {
	for i, t := range []scap.Type{typeRing, typeRingDone} {
		for j, f := range []scap.Flags{0, scap.ReadsFD, scap.WritesFD} {
			infos[i][j] = *t.Info()
			infos[i][j].Flags |= f
		}
	}
	return infos
}()

// ringInfo is the declaration of an event of io_uring: what it does depends on the operation.
func ringInfo(e *Event) *scap.Info {
	way := 0
	switch op, _ := e.Int(e.Info.Find("opcode")); op {
	case ringReadv, ringReadFixed, ringRecvmsg, ringRead, ringRecv, ringReadMulti, ringReadvFixed:
		way = 1
	case ringWritev, ringWriteFixed, ringSendmsg, ringWrite, ringSend, ringSendZC, ringSendmsgZC, ringWritevFixed:
		way = 2
	}
	return &ringInfos[e.Type-typeRing][way]
}

// onRingDone applies what an operation has done.
func onRingDone(s *Inspector, e *Event) {
	n, _ := e.Int(0)
	op, _ := e.Int(e.Info.Find("opcode"))
	flags, _ := e.Int(e.Info.Find("flags"))
	tuple := e.Param(e.Info.Find("tuple"))
	if n < 0 && op != ringConnect || flags&ringInSlot != 0 {
		return
	}
	switch op {
	case ringOpenat, ringOpenat2:
		dir, _ := e.Int(e.Info.Find("fd"))
		name := e.Text(e.Info.Find("name"))
		f := &FD{Num: n, Type: scap.FDFile, Name: s.path(s.dirOf(e, dir, name), name)}
		e.renamed = true
		s.put(e, f)
	case ringAccept:
		s.accepted(e, n, tuple)
	case ringSocket:
		if len(tuple) > 0 {
			kind, _ := e.Int(e.Info.Find("offset"))
			proto, _ := e.Int(e.Info.Find("size"))
			s.put(e, newSocket(n, int64(tuple[0]), kind&0xff, proto))
		}
	case ringConnect:
		if e.FD != nil {
			s.connected(e, tuple)
		}
	case ringBind:
		if e.FD != nil {
			s.bound(e, e.Param(e.Info.Find("addr")))
		}
	case ringClose:
		if e.FD != nil {
			s.closed = closing{e.Thread, e.FD.Num}
		}
	default:
		if e.FD != nil && e.IsIO() && len(tuple) > 0 {
			s.seeTuple(e, tuple, e.Info.Flags&scap.ReadsFD != 0)
		}
	}
}
