package sys

import "github.com/tapir-project/tapir/scap"

// The events that change state, by the numbers of schema/events.txt.
const (
	typeOpen           scap.Type = 3
	typeReadEnter      scap.Type = 6
	typeCloseEnter     scap.Type = 4
	typeClose          scap.Type = 5
	typeSocketEnter    scap.Type = 18
	typeSocket         scap.Type = 19
	typeBind           scap.Type = 21
	typeConnectEnter   scap.Type = 22
	typeConnect        scap.Type = 23
	typeSend           scap.Type = 29
	typeSendtoEnter    scap.Type = 30
	typeSendto         scap.Type = 31
	typeRecvfrom       scap.Type = 35
	typeShutdown       scap.Type = 37
	typeSocketpair     scap.Type = 43
	typeGetsockopt     scap.Type = 47
	typeSendmsgEnter   scap.Type = 48
	typeSendmsg        scap.Type = 49
	typeSendmmsg       scap.Type = 51
	typeRecvmsg        scap.Type = 53
	typeRecvmmsg       scap.Type = 55
	typeCreat          scap.Type = 59
	typePipe           scap.Type = 61
	typeEventfd        scap.Type = 63
	typeFcntlEnter     scap.Type = 150
	typeProcinfo       scap.Type = 234
	typeSwitch1        scap.Type = 146
	typeSwitch6        scap.Type = 152
	typeContainer      scap.Type = 228
	typeContainerJSON  scap.Type = 272
	typeContainerJSON2 scap.Type = 324
	typeUserAdded      scap.Type = 354
	typeUserDeleted    scap.Type = 356
	typeGroupAdded     scap.Type = 358
	typeGroupDeleted   scap.Type = 360
	typeExecveEnter18  scap.Type = 288
	typeExecveEnter    scap.Type = 292
	typeExecve         scap.Type = 293
	typeExecveat       scap.Type = 331
	typeRing           scap.Type = 1000
	typeRingDone       scap.Type = 1001
)

// handler applies an event to the state.
type handler func(*Inspector, *Event)

// handlers are the handlers by event.
var handlers = makeHandlers()

func makeHandlers() (h [scap.Types]handler) {
	set := func(f handler, types ...scap.Type) {
		for _, t := range types {
			h[t] = f
		}
	}
	set(onOpen, 3, 59, 103, 307, 327, 337)
	set(onCloseEnter, 4)
	set(onClose, 5)
	set(onSocket, 19)
	set(onBind, 21)
	set(onConnectEnter, 22)
	set(onConnect, 23)
	set(onAccept, 27, 57, 247, 249, 389)
	set(onSendEnter, 30, 48)
	set(onRead, 35, 53, 55)
	set(onWrite, 29, 31, 49, 51)
	set(onSocketpair, 43)
	set(onPipe, 61, 393)
	set(onNewFD(scap.FDEvent), 63, 397)
	set(onNewFD(scap.FDSignal), 127, 399)
	set(onNewFD(scap.FDTimer), 137)
	set(onNewFD(scap.FDInotify), 139, 395)
	set(onNewFD(scap.FDEventpoll), 375, 377)
	set(onNewFD(scap.FDUserfault), 321)
	set(onNewFD(scap.FDUring), 339)
	set(onNewFD(scap.FDMemfd), 405)
	set(onNewFD(scap.FDPidfd), 409)
	set(onNewFD(scap.FDBPF), 369)
	set(onDup, 125, 363, 365, 367)
	set(onFcntl, 151)
	set(onChdir, 95)
	set(onFchdir, 97)
	set(onGetcwd, 93)
	set(onClone, 15, 157, 183, 185, 217, 219, 221, 223, 225, 227, 335)
	set(onExec, 13, 155, 173, 215, 231, 283, 289, 293, 331)
	set(onExit, 16, 186)
	set(onMemory, 159, 161, 163, 165)
	set(onSwitch, 146, 152)
	set(onProcinfo, 234)
	set(onSetuid, 193, 199, 427)
	set(onSetgid, 195, 201, 429)
	set(onLimit, 143, 145)
	set(onSetpgid, 295)
	set(onSetsid, 275)
	set(onChroot, 267)
	set(onPrctl, 401)
	set(onCapset, 353)
	set(onContainer, 228)
	set(onContainerJSON, 272, 324)
	set(onUser, 354, 356)
	set(onGroup, 358, 360)
	set(onRingDone, typeRingDone)
	return h
}

// needsEnter are the entering events whose parameters the leaving ones need.
var needsEnter = typeSet(18, 30, 48, 102, 106, 110, 142, 144, 150, 192, 194, 198, 200, 288, 292, 294, 330, 22, 28, 306, 326)

// besides are the events that tell of other things than the thread at hand.
var besides = typeSet(typeContainerJSON, typeContainerJSON2, typeUserAdded, typeUserDeleted, typeGroupAdded, typeGroupDeleted)

// wholeTypes are the leaving events that tell all by themselves, entered or not.
var wholeTypes = typeSet(3, 13, 15, 27, 57, 59, 61, 63, 155, 157, 173, 183, 185, 215, 217, 219, 221, 223, 225, 227, 231, 247, 249, 283,
	289, 293, 307, 327, 331, 335, 337, 389, 393, 43, 95, 93, 127, 137, 139, 159, 161, 163, 165, 267, 275)

// infers are the leaving events that tell of their descriptor even if it was not known.
var infers = typeSet(31, 35, 49, 53)

func typeSet(types ...scap.Type) (set [scap.Types]bool) {
	for _, t := range types {
		set[t] = true
	}
	return set
}

// whole says whether a leaving event tells all by itself.
func whole(e *Event) bool {
	return wholeTypes[e.Type] || fdParam[e.Type] > 0 && e.Params() > int(fdParam[e.Type])
}

// fdParam is, for leaving events that carry what the call was entered with, the place of the descriptor; else 0.
var fdParam = findFDParams()

func findFDParams() (at [scap.Types]int8) {
	for t := scap.Type(1); t < scap.Types; t += 2 {
		info := t.Info()
		if info.Flags&scap.UsesFD == 0 {
			continue
		}
		for i, p := range info.Params {
			if i > 0 && p.Kind == scap.FD {
				at[t] = int8(i)
				break
			}
		}
	}
	return at
}

// ownFirst says whether the descriptor of a leaving event is that which it carries, though it was entered: nothing told of it then. Of the
// events that sysdig 0.29 knows it is so only where that has it so.
func ownFirst(t scap.Type) bool {
	const lastOld = 335
	return t == typeGetsockopt || t == typeSendmmsg || t == typeRecvmmsg || t > lastOld
}

// ownFD is the descriptor that a leaving event carries itself.
func (e *Event) ownFD() (int64, bool) {
	if i := fdParam[e.Type]; i > 0 {
		return e.Int(int(i))
	}
	return 0, false
}
