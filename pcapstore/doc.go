// Package pcapstore keeps packet bytes on disk and gives the packets of a flow back.
//
// Packets flow in through one Writer per worker (pipeline), out through Store (export, the API's packet views) and,
// after a crash, through Recorder.Replay (app). Each worker writes one sequence of segments: plain pcap files with
// nanosecond times, or seekable zstd frames of the same bytes, rotated by size and by hour, in folders by hour:
//
//	packets/w00/20261121/09/0000000042-091729-l1.pcap
//	packets/w00/20261121/09/0000000042-091729-l1.journal   or, once complete, .index
//
// Beside each segment stands a flow file that names the flow of every packet: a journal that is written along with
// the segment, so that another process can find the packets of a session that is still open, and that is replaced by
// a sorted index once the segment is complete. A missing or torn flow file is rebuilt by whoever opens the store for
// writing; see Recorder.Replay. docs/pcapstore-format.md describes the files byte by byte.
//
// Invariants:
//
//	I1: a segment is a valid pcap file up to its last whole packet at any moment.
//	I2: flow files name packets in the order they stand in the segment; a torn tail names fewer packets, never wrong ones.
//	I3: one process writes a data directory (lock file); any number read it.
//	I4: a packet keeps its exact time, bytes and lengths. What a pcap file cannot hold beside the others (another link
//	    type, a time before 1970 or after 2106, more than 256 KiB) goes to a segment of its own kind.
//	I5: segment numbers of a worker ascend and are never used twice, so a record.Position names one packet for good.
//	I6: Append never waits for the disk (policy DropPackets) and never allocates. Every packet that is not stored is
//	    returned as a Drop and counted; every packet that was accepted and lost is in Lost and in Run's error.
//
// Limits: a segment holds less than 4 GiB and, give or take a buffer, 4 million packets of 1 million flows; a Writer
// takes Options.Chunks buffers (16 MiB); building an index takes 4 bytes a packet and 24 a flow, one at a time.
package pcapstore
