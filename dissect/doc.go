// Package dissect takes the application layer of one packet apart for the eye: nodes for every field of what a TCP segment or
// UDP datagram carries, with their exact places in the packet, and the line that a list of packets shows.
//
// A packet flows in, its tree (package packet's, gone on above the transport layer) flows out. The API is the caller, for the
// viewer's packet view. Formats and names are those of the parsers in proto/*, which read whole flows; where they have tables or
// functions for a field, these are used here. Detection is theirs too: a payload is what a protocol's Match says it is, those at
// home on its ports being asked first.
//
// One packet alone is looked at. A payload that goes on with a message that began in an earlier one is called a continuation, if
// the session is known to speak the protocol or the port is its own, and left as bytes; a message that goes on in a later packet
// is shown as far as it is there. Hostile bytes cost no more than maxNodes nodes, of depth maxDepth at most, each read once, and
// never a panic.
//
// DNS, mDNS, LLMNR (RFC 1035, 6762, 4795, 6891), DHCP (RFC 2131, 2132), TLS (RFC 8446, 5246), HTTP/1 (RFC 9112), NTP (RFC 5905),
// QUIC's long header (RFC 9000), SSH's banner and packets in the clear (RFC 4253), and SMTP, FTP, POP3 and IMAP by line.
package dissect
