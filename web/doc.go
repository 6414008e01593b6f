// Package web holds the viewer: its sources in ui/, its build in dist/, and the handler that gives the build to browsers.
//
// Requests for pages and files flow in, the files of the build flow out: those with a hash in their name to be kept for
// ever, the others to be asked for again by ETag, and index.html for every page, because pages are told apart by the
// browser. A strict Content-Security-Policy goes with all of them; nothing here is secret, so nothing asks for the token.
// `make ui` makes the build; without it the program still compiles and serves a page that says so. app is the caller.
package web
