// Package collector receives sFlow (versions 2, 4, 5), NetFlow (5, 9) and IPFIX over UDP and makes sample records of it.
//
// Datagrams flow in: Run receives them, in batches, over several sockets on one port, counting what the kernel had no
// room for; Converter takes them one by one from files. Batches of records flow out to a record.Sink. In between stand
// the Ledger, which keeps for each exporter and source what was lost on the way and when it came, went or restarted,
// and weighs samples by it; Names, which knows the names of interfaces; and Geo, which knows where addresses are.
//
// One goroutine a socket, which owns a Converter and a batch; an exporter's datagrams all come to one socket. Bounds: see
// the constants of each type. Package app is the caller.
package collector
