// Package apache is the agent's side of contrib/apache/mod_tapir_sflow.c, a module of Apache 2.4.
//
// Counters flow in through a file that Apache's children have mapped, requests that were drawn as datagrams on a socket;
// the sampling rate flows back through the file. Run keeps an agent's HTTP source fed; it may begin before Apache does,
// and outlive it. Datagrams are taken from Apache's own user only. They are bounded (maxDatagram), every length in them is
// checked, and what is damaged is counted by Bad.
//
// The layout is that of the C source, in the machine's byte order.
package apache
