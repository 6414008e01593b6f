// Package cli is the command line: one file for each command, which turns flags into a call of package app or a store
// and prints the answer. Results go to standard output, everything else to standard error. Errors end with the remedy;
// exit codes are 0 ok, 1 error, 2 usage, 3 no match, 4 missing privilege, 130 interrupted.
package cli
