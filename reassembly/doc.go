// Package reassembly puts back together what the network took apart: TCP segments into a byte stream in order with
// explicit gaps (Stream), and IP fragments into datagrams (Defragmenter).
//
// Segments go in as they were captured, bytes come out in order; each byte comes out once (of overlapping copies the
// first to arrive) or is reported as lost. Memory is bounded for each stream and, by Budget, for all streams of a
// worker; what a bound pushes out is reported as a gap, never dropped in silence. Time is packet time.
package reassembly
