// Package proto is the contract between the pipeline and the application protocols, and what protocols share:
// detection, transactions, pairing of requests with responses.
//
// A protocol is one folder below this one with one exported variable or function that returns its *Protocol, one
// line in proto/all, and one golden capture in its testdata. A parser sees bytes, in order, with packet times, and
// says what they mean by adding values to the session (Flow.Set) and by emitting transactions. It has no clock, no
// store, no configuration and no log, so it is deterministic and can be fuzzed.
//
// Memory is bounded by the contract, not by each parser: the Flow buffers what a parser has not consumed, up to
// MaxBuffer for each direction, and pending transactions are bounded by the pairing helpers.
package proto
