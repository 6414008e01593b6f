// Package packet decodes captured frames from the link layer to the transport header, through any tunnels, into
// a caller-owned struct without allocating.
//
// Bytes flow in (record.Packet), a Decoded comes out. Nothing is kept between packets: fragments are reported and
// put together by package reassembly, which then calls DecodeIP on the whole datagram. Hostile input costs at most
// MaxDepth headers. The pipeline is the caller on the hot path; the API decodes single packets to show them.
package packet
