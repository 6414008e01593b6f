// Package rtnl speaks rtnetlink (RFC 3549, rtnetlink(7)) as far as mirroring needs it: interfaces with their counters and
// changes, the road to a remote host, filters of tc on kernels without tcx, and, over generic netlink, what drivers do with XDP.
//
// Requests go through one socket, in the network namespace of the thread that dialled. Its callers are package mirror and
// the tests of it.
package rtnl
