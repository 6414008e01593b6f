// Package weblog reads the log lines that a web server writes for the sFlow agent, one for each request: Apache through
// a pipe (CustomLog "||..."), nginx as syslog datagrams.
//
// Lines flow in; every one is counted on the agent's HTTP source, and the few that are drawn are read whole and become
// samples. The fields of a line are separated by tabs, which the servers write as \t within fields, with method and status
// first, so that counting costs next to nothing. A line begins with a mark that no field can hold: Apache's
// processes write lines of more than 4096 bytes in pieces that may come between each other, and wherever a mark stands,
// a request begins.
//
// ApacheConfig and NginxConfig are what goes into the servers' configuration. Read reads a pipe, Listen a socket of
// datagrams. Lines are bounded at 64 KiB, and what is no line is counted by Bad.
package weblog
