// Package app puts the stages together: it is the one place that knows all of them. Reading a file, importing, capturing
// and serving are each a composition of source, pipeline, packet store, record store and API, with an order of starting and
// stopping that loses nothing. The commands of package cli are its only callers.
package app
