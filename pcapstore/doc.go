// Package pcapstore keeps packet bytes on disk and gives the packets of a flow back.
//
// Each worker writes one sequence of segments: plain pcap files with nanosecond times (or seekable zstd frames of the
// same bytes), rotated by size and by hour. Beside each segment stands a flow file that names the flow of every
// packet; it is written along with the segment, so that another process can find the packets of a session that is
// still open, and is replaced by a sorted index once the segment is complete. A missing or torn flow file is rebuilt by
// whoever opens the store for writing; see Recover.
//
// Invariants:
//
//	I1: a segment is a valid pcap file up to its last whole packet at any moment.
//	I2: flow files name packets in the order they stand in the segment; a torn tail names fewer packets, never wrong ones.
//	I3: one process writes a data directory (lock file); any number read it.
package pcapstore
