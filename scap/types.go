package scap

// Type is the number of an event. Even numbers enter a call, odd ones leave it; what is not a call enters only.
type Type uint16

// Types is one more than the highest number of an event. Those up to 453 are sysdig's, those from 1000 on Tapir's own, which other
// readers skip.
const Types = 1002

// Exit says whether the event leaves a call.
func (t Type) Exit() bool { return t&1 == 1 }

// Info is the declaration of the event.
func (t Type) Info() *Info {
	if t >= Types {
		return &unknown
	}
	return &events[t]
}

var unknown = Info{Name: "NA", Category: CatUnknown}

// Flags say what an event means to the state of its thread.
type Flags uint16

// The flags of events, each with the letter that declares it in schema/events.txt.
const (
	CreatesFD  Flags = 1 << iota // C
	DestroysFD                   // D
	UsesFD                       // U: the descriptor is the first parameter of the entering event
	ReadsFD                      // R
	WritesFD                     // W
	Modifies                     // S: it changes threads, descriptors, users or containers
	Aside                        // P: not an act of its thread
	Waits                        // B
	Old                          // O: newer captures have the parameters in another event
	Large                        // L: parameters may be longer than 64 KiB
)

const flagLetters = "CDURWSPBOL"

// Category groups events.
type Category uint8

// The categories. An IO event belongs to files or to the network, as its descriptor does.
const (
	CatUnknown Category = iota
	CatIO
	CatFile
	CatNet
	CatIPC
	CatWait
	CatSignal
	CatSleep
	CatTime
	CatProcess
	CatScheduler
	CatMemory
	CatUser
	CatSystem
	CatOther
	CatInternal // of the capture itself: not shown unless asked for
	CatFDIPC    // of a pipe or the like: IPC in other letters
	CatSyscall  // that of the system call whose number is the first parameter
)

var categoryNames = [...]string{"unknown", "io", "file", "net", "IPC", "wait", "signal", "sleep", "time", "process", "scheduler",
	"memory", "user", "system", "other", "internal", "ipc", "syscall"}

// String is the category as sysdig spells it.
func (c Category) String() string { return categoryNames[c] }

// Kind is the type of a parameter: how its bytes are laid out and what they mean.
type Kind uint8

// The types of parameters.
const (
	None         Kind = iota
	Int8              //
	Int16             //
	Int32             //
	Int64             //
	Uint8             //
	Uint16            //
	Uint32            //
	Uint64            //
	Charbuf           // text, NUL at the end
	Bytebuf           // bytes
	Errno             // int64: below 0 an error
	Sockaddr          // family, address, port
	Socktuple         // family, both ends
	FD                // int64
	PID               // int64
	FDList            // u16 count, then (int64 descriptor, i16 flags) each
	FSPath            // text: a path
	FSRelPath         // text: a path relative to the descriptor in the parameter before
	SyscallID         // u16
	SigType           // u8
	SigSet            // u32: one bit each
	RelTime           // u64 ns
	AbsTime           // u64 ns since the epoch
	UID               // u32
	GID               // u32
	Flags8            // bits
	Flags16           //
	Flags32           //
	Mode              // u32: permissions
	Dyn               // u8 selector, then a value whose type the selector chooses
	CharbufList       // texts, NUL behind each
	CharbufPairs      // pairs of texts, NUL behind each
	Port              // u16
	IPv4              // 4 bytes
	IPv6              // 16 bytes
	FD32              // int32
	PID32             // int32
	Bool              // u32
)

// kindNames are the types as schema/events.txt spells them; enumerations are flags of which one is set.
var kindNames = map[string]Kind{"int8": Int8, "int16": Int16, "int32": Int32, "int64": Int64, "uint8": Uint8, "uint16": Uint16,
	"uint32": Uint32, "uint64": Uint64, "charbuf": Charbuf, "bytebuf": Bytebuf, "errno": Errno, "sockaddr": Sockaddr,
	"socktuple": Socktuple, "fd": FD, "pid": PID, "fdlist": FDList, "fspath": FSPath, "fsrelpath": FSRelPath, "syscallid": SyscallID,
	"sigtype": SigType, "sigset": SigSet, "reltime": RelTime, "abstime": AbsTime, "uid": UID, "gid": GID, "flags8": Flags8,
	"flags16": Flags16, "flags32": Flags32, "enumflags8": Flags8, "enumflags16": Flags16, "enumflags32": Flags32, "mode": Mode,
	"dyn": Dyn, "charbufarray": CharbufList, "charbuf_pair_array": CharbufPairs, "port": Port, "ipv4addr": IPv4, "ipv6addr": IPv6,
	"fd32": FD32, "pid32": PID32, "bool": Bool}

// Size is the number of bytes of a parameter of this type; 0 where it varies.
func (k Kind) Size() int { return int(kindSizes[k]) }

var kindSizes = [...]uint8{Int8: 1, Int16: 2, Int32: 4, Int64: 8, Uint8: 1, Uint16: 2, Uint32: 4, Uint64: 8, Errno: 8, FD: 8, PID: 8,
	SyscallID: 2, SigType: 1, SigSet: 4, RelTime: 8, AbsTime: 8, UID: 4, GID: 4, Flags8: 1, Flags16: 2, Flags32: 4, Mode: 4, Port: 2,
	IPv4: 4, IPv6: 16, FD32: 4, PID32: 4, Bool: 4}

// Base is how a number is written.
type Base uint8

// The bases of numbers.
const (
	Decimal Base = iota
	Hex
	Octal
)

// Param declares one parameter.
type Param struct {
	Name  string
	Kind  Kind
	Base  Base
	Flags []Flag // names of the bits or values; nil if there are none
	// Upper is the type as sysdig lists it: FLAGS32, CHARBUF.
	Upper string
}

// Flag names a bit, some bits or a value.
type Flag struct {
	Name  string
	Value uint32
}

// Info declares an event.
type Info struct {
	Name     string // of the call: "open"
	Category Category
	Flags    Flags
	Params   []Param
}

// Known says whether there is such an event.
func (i *Info) Known() bool { return i.Name != "" }

// Find is the place of the parameter with the name, -1 if there is none.
func (i *Info) Find(name string) int {
	for n := range i.Params {
		if i.Params[n].Name == name {
			return n
		}
	}
	return -1
}
