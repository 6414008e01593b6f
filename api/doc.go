// Package api answers questions over HTTP: search, aggregation, session detail, the packets of a session, its streams,
// packet export, query help and live tail. openapi.yaml describes every route; a test calls each of them and compares.
//
// Bound queries go to a store.Store, packets come from a Packets; both may belong to a recorder in this process or to a
// data directory that another process writes. The package captures nothing and needs no privilege. Every request needs
// the token, except for the description itself; see Options.
package api
