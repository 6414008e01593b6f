// Package flow keeps the flow table of one worker: which packets belong together, which end opened the conversation,
// what was counted, how good the TCP connection was, and when it is over. What comes out is a session record, or the
// parts of one.
//
// Packets come in decoded and with their key; a *Flow comes back for the worker to feed to reassembly and parsers.
// Everything is a function of the packets and their times: a timer is due when packet time has passed it, and a flow
// whose next packet comes after its idle time is over even if no timer has run since. One goroutine owns a Table.
package flow
