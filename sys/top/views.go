package top

import "github.com/tapir-project/tapir/sys/chisel"

// Parts of filters that several views share.
const (
	onNet   = "(fd.type=ipv4 or fd.type=ipv6)"
	onFiles = "fd.type=file"
	reads   = "evt.is_io_read=true"
	writes  = "evt.is_io_write=true"
	done    = "evt.dir=<" // a call that returned
	failed  = "evt.failed=true"
	opens   = "evt.type in (open, openat, openat2, creat) and evt.dir=< and evt.failed=false"
)

// Columns that several views share.
var (
	cpu       = Column{Title: "CPU", Desc: "Share of one processor", Field: "thread.cpu", Is: Rate, Unit: chisel.InPercent, Where: "evt.type=procinfo", Width: 7}
	calls     = Column{Title: "CALLS/s", Desc: "Calls that returned, a second", Field: "evt.count", Is: Rate, Where: done, Width: 9}
	errs      = Column{Title: "ERRS", Desc: "Calls that failed", Field: "evt.count", Is: Sum, Where: failed, Width: 7}
	fileBytes = Column{Title: "FILE", Desc: "Bytes read and written in files, a second", Field: "evt.rawarg.res", Is: Rate, Unit: chisel.InBytes, Where: "evt.is_io=true and " + onFiles, Width: 9}
	netBytes  = Column{Title: "NET", Desc: "Bytes sent and received, a second", Field: "evt.rawarg.res", Is: Rate, Unit: chisel.InBytes, Where: "evt.is_io=true and " + onNet, Width: 9}
	in        = Column{Title: "IN", Desc: "Bytes read, a second", Field: "evt.rawarg.res", Is: Rate, Unit: chisel.InBytes, Where: reads, Width: 9}
	out       = Column{Title: "OUT", Desc: "Bytes written, a second", Field: "evt.rawarg.res", Is: Rate, Unit: chisel.InBytes, Where: writes, Width: 9}
	ops       = Column{Title: "OPS/s", Desc: "Reads and writes, a second", Field: "evt.count", Is: Rate, Where: "evt.is_io=true and " + done, Width: 8}
	moved     = Column{Title: "BYTES", Desc: "Bytes read and written", Field: "evt.rawarg.res", Is: Sum, Unit: chisel.InBytes, Where: "evt.is_io=true", Width: 9}
	ioTime    = Column{Title: "TIME", Desc: "Time that reads and writes took", Field: "evt.latency", Is: Sum, Unit: chisel.InTime, Where: "evt.is_io=true and " + done, Width: 8}
	opened    = Column{Title: "OPENS", Desc: "How often it was opened", Field: "evt.count", Is: Sum, Where: opens, Width: 6}
	container = Column{Title: "CONTAINER", Desc: "Name of the container", Field: "container.name", Width: 16, Container: true}
	command   = Column{Title: "Command", Desc: "Name of the process", Field: "proc.name"}
)

// Views are all views, in the order of the picker.
var Views = []View{
	{ID: "procs", Name: "Processes", Desc: "What each process uses: processor, memory, files, network.",
		Keys: []string{"proc.pid"}, Sort: 5, Next: "threads",
		Columns: []Column{
			{Title: "PID", Desc: "Id of the process", Field: "proc.pid", Is: Gauge, Width: 8},
			{Title: "USER", Desc: "User that it runs as", Field: "user.name", Width: 10},
			cpu,
			{Title: "TH", Desc: "Its threads", Field: "proc.nthreads", Is: Gauge, Width: 4},
			{Title: "RES", Desc: "Memory that is resident", Field: "proc.vmrss", Is: Gauge, Unit: chisel.InBytes, Scale: 1024, Width: 9},
			calls, fileBytes, netBytes, errs, container,
			{Title: "Command", Desc: "Its name and arguments", Field: "proc.cmdline"},
		}},
	{ID: "connections", Name: "Connections", Desc: "Each connection and datagram socket of each process, by its two ends.",
		Filter: onNet + " and fd.name contains ->", Keys: []string{"fd.name", "proc.pid"}, Sort: 7, Next: "procs",
		Columns: []Column{
			{Title: "PROTO", Desc: "Transport", Field: "fd.l4proto", Width: 6},
			{Title: "LIP", Desc: "Address of this end", Field: "fd.lip", Width: 16},
			{Title: "LPORT", Desc: "Port of this end", Field: "fd.lport", Width: 6},
			{Title: "RIP", Desc: "Address of the other end", Field: "fd.rip", Width: 16},
			{Title: "RPORT", Desc: "Port of the other end", Field: "fd.rport", Width: 6},
			in, out, moved, ops, container, command,
		}},
	{ID: "ports", Name: "Server ports", Desc: "What goes to and from each server port, by the processes that serve or use it.",
		Filter: onNet, Keys: []string{"fd.l4proto", "fd.sport", "proc.name"}, Sort: 5, Next: "connections",
		Columns: []Column{
			{Title: "SPORT", Desc: "Port of the server", Field: "fd.sport", Width: 6},
			{Title: "PROTO", Desc: "Transport", Field: "fd.l4proto", Width: 6},
			{Title: "CONNS", Desc: "Connections accepted", Field: "evt.count", Is: Sum, Where: "evt.type in (accept, accept4) and " + done, Width: 7},
			in, out, moved, ops, container, command,
		}},
	{ID: "files", Name: "Files", Desc: "What is read and written in each file, how long that takes, what fails.",
		Filter: onFiles, Keys: []string{"fd.name"}, Sort: 2, Next: "procs",
		Columns: []Column{in, out, moved, ops, ioTime, opened, errs, {Title: "Filename", Desc: "Path of the file", Field: "fd.name"}}},
	{ID: "directories", Name: "Directories", Desc: "The same for the files of each directory together.",
		Filter: onFiles, Keys: []string{"fd.directory"}, Sort: 2, Next: "files",
		Columns: []Column{in, out, moved, ops, ioTime, opened, errs, {Title: "Directory", Desc: "Path of the directory", Field: "fd.directory"}}},
	{ID: "errors", Name: "Errors", Desc: "Calls that failed, by error and call.",
		Filter: failed, Keys: []string{"evt.res", "evt.type"}, Sort: 0, Next: "procs",
		Columns: []Column{
			{Title: "COUNT", Desc: "How often", Field: "evt.count", Is: Sum, Width: 8},
			{Title: "RATE", Desc: "How often a second", Field: "evt.count", Is: Rate, Width: 8},
			{Title: "ERROR", Desc: "The error", Field: "evt.res", Width: 14},
			{Title: "CALL", Desc: "The call", Field: "evt.type", Width: 14},
			{Title: "LAST BY", Desc: "The process that it happened to last", Field: "proc.name", Width: 16},
			{Title: "Arguments", Desc: "What the last one was about", Field: "evt.args"},
		}},
	{ID: "syscalls", Name: "System calls", Desc: "Each system call: how often, how long, how often in vain.",
		Filter: done, Keys: []string{"evt.type"}, Sort: 0, Next: "procs",
		Columns: []Column{
			{Title: "COUNT", Desc: "How often", Field: "evt.count", Is: Sum, Width: 9},
			calls,
			{Title: "TOTAL", Desc: "Time spent in it", Field: "evt.latency", Is: Sum, Unit: chisel.InTime, Width: 8},
			{Title: "MEAN", Desc: "Time that one took", Field: "evt.latency", Is: Mean, Unit: chisel.InTime, Width: 8},
			{Title: "MAX", Desc: "Time that the slowest took", Field: "evt.latency", Is: Max, Unit: chisel.InTime, Width: 8},
			errs,
			{Title: "Call", Desc: "Its name", Field: "evt.type"},
		}},
	{ID: "containers", Name: "Containers", Desc: "What each container uses; host is what runs outside of them.",
		Keys: []string{"container.id"}, Sort: 2, Next: "procs",
		Columns: []Column{
			{Title: "ID", Desc: "Id of the container", Field: "container.id", Width: 14},
			cpu, calls, fileBytes, netBytes, errs,
			{Title: "IMAGE", Desc: "Image that it was made of", Field: "container.image", Width: 24},
			{Title: "Name", Desc: "Name of the container", Field: "container.name"},
		}},
	{ID: "threads", Name: "Threads", Desc: "What each thread uses.",
		Keys: []string{"thread.tid"}, Sort: 3, Next: "syscalls",
		Columns: []Column{
			{Title: "TID", Desc: "Id of the thread", Field: "thread.tid", Is: Gauge, Width: 8},
			{Title: "PID", Desc: "Id of its process", Field: "proc.pid", Is: Gauge, Width: 8},
			cpu, calls, fileBytes, netBytes, errs, container, command,
		}},
}
