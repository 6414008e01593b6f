// Package source says what a source of packets is: what the pipeline drives, whether the packets come from a ring of
// the kernel (source/afpacket) or from capture files (source/pcapfile).
//
// Packets flow out in blocks: some hundred to a thousand of them at a time, so that a call costs little per packet, and
// with their bytes where they already are, in a read buffer or in the kernel's ring. Nothing is copied; a Block is
// reference counted instead, so that a file's packets can be handed from the reader to workers by flow:
//
//	err := src.Run(ctx, func(b *source.Block) error {
//		for w := range workers {
//			b.Retain()
//			workers[w] <- share{b, packetsOf(w, b)} // the worker calls b.Release when it is done with them
//		}
//		return nil // the source drops its own reference now
//	})
//
// Invariants every source keeps, and sourcetest checks:
//
//	I1: the bytes of a block's packets do not change from emit until the last Release.
//	I2: blocks of one queue are emitted one after the other, by one goroutine, in the order of the input.
//	I3: no packet is lost without a counter: what came in is Packets + Filtered + every field of Drops.
//	I4: memory is bounded: a source waits for releases rather than allocate more (see MaxHeld).
//	I5: Run ends soon after its context does, also while the input is silent.
//
// The package also holds what sources share: the packet filter (Filter, Program) and the errors callers branch on.
// It imports record and golang.org/x/net/bpf (for the type of an instruction) only.
package source
