// Package api answers questions over HTTP: search, aggregation, session detail, the packets of a session, its streams,
// packet export, query help and live tail. openapi.yaml describes every route; a test calls each of them and compares.
//
// Requests flow in; bound queries go to a store.Store, packets come from a Packets; JSON, CSV, server-sent events and
// capture files flow out. Store and packets may belong to a recorder in this process or to a data directory that another
// process writes. The package captures nothing and needs no privilege. app is its caller; cli uses the pieces that the
// command line shares with it (ParseTime, ParseOrder, ParseFields, Select, TableJSON, StoredJSON).
//
// What every route keeps to:
//
//	A1: an answer that could not be finished never looks whole. An error before the first byte is sent becomes an answer
//	    of its own; after it, the connection is cut, or the stream's last line says so (ndjson).
//	A2: a parameter that a route does not know, or that is given twice, is an error: a slip must not mean everything.
//	A3: when the client goes away, the work on its behalf ends: its context reaches the store.
//	A4: memory does not grow with the answer, but for the ids of the sessions to export (16 bytes each).
package api
