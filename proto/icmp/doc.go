// Package icmp reads ICMP (RFC 792, 950, 1256, 8335) and ICMPv6 (RFC 4443, 4861, 2710, 3810, 4620, 6275): one
// message comes in at a time, everything above the IP header.
//
// The session gets types and codes. A request makes a transaction with its response, found by what the two have in
// common: identifier and sequence number of echo, the target of a neighbour solicitation. An error that quotes a
// waiting request of the same flow answers it. All other messages are transactions of their own, errors with status
// Error and the addresses of the packet they quote. Bytes are those behind the eight bytes of header.
//
// At most maxWaiting requests of a flow wait, for at most proto.DefaultTimeout; no bytes are kept between messages.
package icmp
