// Package syscalls captures system calls as they happen, by eBPF: no kernel module, no kernel headers, no tracefs.
//
// Open loads the programs of package bpf, attaches them to the kernel's tracepoints for calls (sys_enter, sys_exit) and
// for processes (exec, fork, exit), and reads what there is already, from the kernel's iterators of threads and files, or /proc: processes,
// descriptors, sockets, users and interfaces, which go to a callback as the tables of a .scap file would. Next delivers the calls: a Source is a
// source of package sys like a file. Callers are app and the command line.
//
// Operations of io_uring are no calls: they are told where the kernel takes them from their queue and where they end, by events of
// Tapir's own. Calls of 32-bit programs have numbers of their own in the table, behind the others.
//
// calls.txt says of each call what is gathered in the kernel and of what its event's parameters are made. The kernel makes one record
// of a call when it ends; from it come the two events that files have, or one that knows when the call was entered.
//
// Limits: the kernel's rings have Config.Buffer bytes. When one is full what does not fit is counted by CPU and class of call
// and left out: the programs that are traced never wait. A text or list of arguments is read up to 4 KiB, data up to
// Config.Snaplen, of 16 pieces at most.
package syscalls
