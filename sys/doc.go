// Package sys makes sense of system calls: it keeps what threads, descriptors, users and containers are at each moment,
// and gives every event the fields by which it is printed, filtered, counted and stored.
//
// Events flow in from a Source, which a .scap file (package scap) and a live capture both are. An Inspector applies
// each to its state and hands it on as an Event, which a Filter tests, a Format prints and a chisel (package
// sys/chisel) counts. Field names, their text and the meaning of filters are sysdig's; the grammar of filters is that of
// package query. Callers are the command line and app.
//
// Fields and formats are compiled once; printing appends to a caller's buffer, so that an event costs no allocation
// but for the names of what it opens.
//
// Limits: 128Ki threads, 64Ki descriptors of a process; when they are reached the oldest are not kept, which Dropped
// counts.
package sys
