// Package top is the terminal view over system calls, in the grammar of csysdig: a table of processes, connections,
// files; down into one of its rows; the data that is read and written there, or the events themselves.
//
// Events flow in through Top.Event and keys through Top.Press; a Screen of plain text with a look for each piece flows
// out, so that all of it is tested without a terminal. What a view shows is declared in views.go. The caller is the
// command line, which reads events (from a file, or as they happen), tells the time with Tick and draws.
//
// Limits: a table keeps 16Ki rows and forgets those that were silent longest; of data and events 20,000 lines and
// 16 MiB are kept; drilling goes down 32 levels. What was forgotten is counted and shown.
package top
