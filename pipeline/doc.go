// Package pipeline drives packets through decoding, the flow table, reassembly and the parsers into records.
//
// A Worker owns everything that a shard of the flows needs: flow table, streams, parsers, a writer of the packet store
// and a batch of records. Workers share nothing. A live source has one worker for each ring of the kernel, whose fanout
// keeps the packets of a flow together; a file has one reader that decodes and deals packets out by the hash of their
// flow (Deal), so that it uses every core and gives the same records.
//
// Every queue has a bound. What a live capture loses is counted: by the kernel in the source's statistics, in front of
// the disk on the session and in Stats. Files lose nothing: a full queue makes the reader wait.
package pipeline
