// Package afpacket is the source that captures on network interfaces of Linux, with the memory-mapped ring TPACKET_V3 of
// AF_PACKET sockets (Linux Documentation/networking/packet_mmap.rst). It works from kernel 4.12 on and needs
// CAP_NET_RAW while it opens.
//
// Names of interfaces flow in; blocks of packets flow out, still in the kernel's ring: nothing is copied, and a block goes
// back to the kernel when its last holder releases it. There is one ring, one socket and one goroutine for each worker;
// the kernel spreads packets over them by a symmetric hash of addresses and ports, so that both directions of a flow meet
// in one worker.
//
// What is captured:
//
//   - One interface: the sockets are bound to it. Several, or "any": the sockets take packets of all interfaces and a
//     filter in the kernel picks; so packets of all interfaces come in one order, that of their arrival, which matters
//     where the two directions of a line are tapped by two cards.
//   - "any" uses raw sockets, not cooked ones as libpcap does: each packet keeps its own link header, and Packet.Link
//     says which it is. Thus Ethernet on "any" is the same bytes as on the interface by name, with both MAC addresses.
//     Devices without a link header (tun, WireGuard, PPP, tunnels) give raw IP; devices whose header nothing here
//     decodes give the header of cooked captures (SLL2) in its place. So every device gives something to decode.
//   - On a loopback interface the kernel shows each packet twice, as it goes out and as it comes in. The first is left
//     out.
//   - 802.1Q and 802.1ad tags that the kernel or the card took off are put back where they were, before the packet is
//     delivered. A filter that mentions vlan looks at the packets as they are with their tags; another one sees, as in a
//     live tcpdump, what is behind the outermost tag.
//   - With several workers, IPv4 fragments come put together by the kernel, as the packet they are parts of: only thus
//     do they meet the other packets of their flow. Config.KeepFragments turns that off.
//
// Bounds: the rings are the only memory that grows with traffic, and Config.Buffer is their size. What does not fit is
// dropped by the kernel and counted in Stats.Drops. A worker whose ring is full passes packets on to the next one before
// that (rollover), which then sees parts of flows it does not know; Stats.Rolled counts them, and Config.NoRollover
// turns it off.
//
// When the context of Run ends, the sockets take no further packets, and those received before are still delivered.
package afpacket
