// Package host feeds an sFlow agent with the packets and counters of interfaces and the counters of the host, so that a
// Linux host needs no other agent.
//
// Packets are drawn by the kernel: a packet socket on each interface has a filter that takes one in N at random, so
// that the others cost a random number each and nothing is copied; of those taken only the header is read. A sample has the
// interface that it came in or went out by, and the host itself as the other. A VLAN tag that the kernel has taken off
// is put back. Counters come from /proc and /sys when the agent's timer asks for them: interfaces (0:1, 0:1005), host
// (0:2000, 0:2001, 0:2003 to 0:2010). A number that the kernel does not keep is sent as all ones, as sFlow has it.
//
// Open needs CAP_NET_RAW for packets, nothing for counters. RFC 2863 defines the counters of interfaces.
package host
