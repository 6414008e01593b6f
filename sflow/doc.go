// Package sflow reads and writes sFlow datagrams: version 5 (sflow.org/sflow_version_5.txt) with the structures that
// were defined since for hosts, applications, HTTP, tunnels, discards and hardware, and versions 2 and 4 for reading.
//
// The payload of a UDP datagram flows in. Parse reads its header; Samples and Records are cursors over the rest that
// allocate nothing and copy nothing: what they give points into the datagram. A record is read in one of two ways:
// as a Go struct (Record.Decode into a *Header, *HTTP, *Socket4, ...), or field by field with names (Record.Fields),
// which works for every record there is a Layout of. What has none, or is damaged, is still there as a tag and bytes,
// and lengths delimit everything, so that it never costs what follows.
//
// An Encoder builds datagrams, from structs, from fields or from bytes.
//
// Hostile bytes: a cursor never goes beyond the datagram, every step consumes at least four bytes, and lists are not
// read into memory, so that time is bounded by the datagram's length. Nothing panics.
package sflow
