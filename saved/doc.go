// Package saved keeps what people save in a viewer: views (expressions with a name), columns, recent queries. Small JSON
// documents with a name flow in and out; each collection is one file below the data directory's state folder,
//
//	DATA/state/saved/COLLECTION.json   {"items":[{"name":...,"changed":...,"value":...}]}, newest first
//	DATA/state/saved/lock              held (flock) while a file is replaced
//
// replaced whole, so that it is the old one or the new one whatever happens. Several processes may keep things in one
// data directory. Everything is bounded: names, documents, how many there are; where a collection is full saving is
// refused, except that recent queries make room for newer ones. The API and the command line are its callers.
package saved
