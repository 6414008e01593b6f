// Package mirror copies what interfaces receive to other interfaces, inside of the kernel: the job of a switch's mirror
// port, many times over.
//
// Rules flow in, as a specification string ("eth1@eth2_eth1/eth4@eth5") or as YAML; they are checked against each other and
// against the interfaces there are before anything is attached. Open turns them into plans, one for each source, loads
// the programs of package bpf and attaches them; Run keeps up with interfaces that vanish and return, with remote hosts
// and with requests from other processes (Dial); Status is what was counted. docs/mirror.md is the user's view.
//
// Invariants:
//
//	M1: nothing is attached unless every rule can be carried out.
//	M2: a packet that a source receives is counted there, and each copy it should have made is either counted as sent or
//	    under a named reason.
//	M3: a plan is replaced as a whole, so no packet meets half of a change, and a rule that stays loses none.
//	M4: what is attached hangs on file descriptors of this process, and goes with it; unless Persist pins it, or the
//	    kernel has no tcx, where a guard process cleans up.
//
// Bounds: 64 sources, 64 copies for each packet, 8192 counters, 1024 shaped outputs. The caller is package cli.
package mirror
