// Package query is Tapir's query language: lexer, parser, binding to the field registry, completion, colouring and
// formatting. It takes Arkime's expressions and sysdig's filters as they are written and adds pipes; the grammar is in
// docs/query.md.
//
// Text goes in, a *Query comes out whose tests name stored fields and typed values only, so that a store needs no
// knowledge of the language. Matches evaluates a bound expression on one record, for live tail and as the reference
// the stores are tested against. The package knows no store and no clock: relative times are resolved against
// Options.Now. Hostile text is bounded in length, depth, number of tests and size of regular expressions.
//
// The phases are files: scan and parse make the syntax tree (syntax.go) that Format lays out; bind makes the tree of
// ast.go; print writes that back as text which parses to the same tree. Tokens and Complete run the same parser.
package query
