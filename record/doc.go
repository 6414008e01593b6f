// Package record is Tapir's vocabulary: what a packet, a flow key, a session and a transaction are, and what
// every field is called.
//
// Everything that is stored, asked for or printed is a Record: a small header and a set of field values. The
// names, types and aliases of the fields stand in one registry (schema*.go); the query language, the API, the
// Parquet schema, the JSON output and docs/fields.md are made from it. Adding a field is one entry there.
//
// Record imports the standard library only, and every other package may import it.
package record
