// Package parquet is the embedded store: records in Parquet files below a data directory, queried with DuckDB.
//
// Batches of records go in (Writer, a record.Sink), files come out:
//
//	DATA/records/<kind>/YYYYMMDD/HH/<class>_<first start>_<last start>_<last end>_<rows>_<tag>.parquet
//
// and questions are answered from them (Store, a store.Store), by this process or any other. One process writes
// (package datadir holds the lock), any number read; files appear whole, by renaming, and never change.
//
// # Files
//
// A file holds only the columns that occur in it. A field is one scalar column with its first value and, where some
// row has more, a LIST column "<name>+" with the further ones. Ids and addresses are 16 bytes (UUID), so that a CIDR
// is a range; times are TIMESTAMP(NANOS); text is UTF-8, bytes that are not become U+FFFD. What follows from other
// fields is left out (see derived.go). Columns carry a field_id made of their name, by which DuckDB maps files of
// different columns onto one question.
//
// Row groups hold up to 64k rows. Within one, rows of the same columns stand together, by start: nulls and like
// values come in runs, which compress, and vectors of rows that lack a column cost nothing to pass over. Time is
// pruned by file and row group.
//
// Sessions that are one row, the usual case, are in files of class "whole". Rows of sessions that have several parts,
// or may get more, are in files of class "parts"; questions merge them, and so does compaction for good. So nothing
// but these few rows needs grouping by id.
//
// # Invariants
//
//	I1: a record is in memory, or in exactly one file that counts. A file counts unless a merge says otherwise.
//	I2: a row in a whole file is all there is of its session; a session has rows in files of one class only.
//	I3: marks name only batches whose rows are all in files.
package parquet
