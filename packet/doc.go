// Package packet decodes captured frames from the link layer to the transport header, through any tunnels, into
// a caller-owned struct without allocating.
//
// Bytes flow in (record.Packet), a Decoded comes out. Nothing is kept between packets: fragments are reported and
// put together by package reassembly, which then calls DecodeIP on the whole datagram. Hostile input costs at most
// MaxDepth headers. The pipeline is the caller on the hot path; the API decodes single packets to show them, with Tree.
//
// Where a packet contradicts itself, the rules are these. A length in a header that exceeds the frame on the wire makes
// it corrupt; one that exceeds only what was captured does not. What lies behind a length is padding. A tunnel is entered
// only if its header holds together, since its UDP port may be a client's by chance; what cannot be decoded within it
// leaves the outer packet's ends in place, with a Verdict that says so. Where nothing names what follows (MPLS, L2TPv3)
// it is what makes sense of the bytes: see mplsPayload and l2tp3Frame.
//
// The files follow the layers: link, ether, llc, serial, wifi; ip, transport; tunnel, udptunnel; tree*.
package packet
