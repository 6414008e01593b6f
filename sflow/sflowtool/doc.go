// Package sflowtool writes datagrams as sflowtool(1) does, byte for byte with its names, order, quirks and misspellings,
// so that scripts written for it go on working: text, one line a sample, chosen fields, JSON, the combined log format,
// lines with their context for grep, sampled packets as pcap, and NetFlow versions 5 and 9.
//
// The payloads of UDP datagrams flow in, one Write each, output flows to an io.Writer. The command `tapir sflow decode`
// is the caller.
//
// It differs where following sflowtool would lose or break something: a damaged record ends that record and not the
// datagram, with a warning; JSON is always closed and its strings are escaped; control characters in text become dots.
package sflowtool
