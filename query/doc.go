// Package query is Tapir's query language: lexer, parser, binding to the field registry, completion, colouring and
// formatting. It takes Arkime's expressions and sysdig's filters as they are written and adds pipes; the grammar is in
// docs/query.md.
//
// Text goes in, a *Query comes out whose tests name stored fields and typed values only, so that a store needs no
// knowledge of the language. Matches evaluates a bound expression on one record, for live tail and as the reference
// the stores are tested against. The package knows no store and no clock: relative times are resolved against
// Options.Now.
package query
