// Package pcapfile is the source that reads capture files: pcap and pcapng, plain or compressed with gzip or zstd (told
// by their first bytes, not their names), given as files, as directories, or as "-" for standard input.
//
// Paths flow in; blocks of packets in time order flow out, from one goroutine that reads, unpacks and finds the packets.
// Their bytes stay in the read buffers, which are lent out with the blocks. The pipeline and the CLI are the callers.
//
// Order. The packets of one file come in the order of the file. Several files are read one after the other, by the
// time of their first packets; where files overlap in time they are merged packet by packet, so that captures of two
// directions or of a ring of files come as one. A packet that is out of order within its file stays behind the packet
// before it. At most 128 files are merged at once (16 if they are zstd, which needs more memory): a file
// that would be one more waits until another one ends, and Stats.Late counts it.
//
// Directories are read with all that is below them; names that begin with a dot are passed over, files that are no
// captures are skipped, counted and reported to Config.Warn. A file that was named itself must be a capture.
//
// Damage. A file that ends in the middle gives every packet before that, then a *Truncated; bytes that cannot be right
// give a *Corrupt. Other files are still read to their end; Run returns all errors together.
//
// Bounds. Buffers and blocks are at most 48 MiB together, however many files there are; a consumer that holds them back
// makes the source wait. Unpacking takes 0.2 MiB a file for gzip and the window of the frame for zstd, at most 128 MiB.
package pcapfile
