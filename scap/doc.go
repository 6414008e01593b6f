// Package scap reads and writes .scap files: the system calls, scheduler events and tables of a machine that sysdig,
// Falco and Tapir capture.
//
// A file flows in through Reader: its tables (machine, interfaces, users, processes, descriptors) go to a callback as
// they come, its events out of Next, one at a time and borrowed until the next. Event is also how events of a live
// capture reach package sys, so that everything behind it is the same for both. Writer lays tables and events out as
// a file again; Repair makes a sound file of a damaged one. Callers are package sys and the command line.
//
// The layout is that of pcapng: blocks of a type and a length, in the byte order of the machine that wrote them. Every
// block and version there has been is read, plain or compressed with gzip or zstd; unknown blocks are skipped, and so
// is what newer writers append to the entries of tables. Damage costs what is damaged: the reader goes on at the next
// sound block and counts what it left out.
//
// Events and their parameters are declared in schema/events.txt, their flags in schema/flags.txt. An event type may
// have grown over the years; parameters were only ever added behind the others, so an old event is a short new one.
//
// Limits: a block is at most 16 MiB, an event has at most 32 parameters, a table entry is as large as its block.
package scap
