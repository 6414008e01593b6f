// Package agent is an sFlow version 5 agent for web servers and hosts: it counts what happens, draws one event in N at
// random, and sends both to collectors.
//
// Events and counters flow in from sources: HTTP requests (HTTP), of which sflow/agent/weblog reads servers' log lines,
// sflow/agent/apache the module of contrib/apache and sflowhttp the requests of Go programs; packets and counters of
// interfaces and hosts (sflow/agent/host). Datagrams flow out to every collector of the configuration, which comes from
// hsflowd's file (ParseHSFlowd, Watch) or from the program, and may change while the agent runs.
//
// Who calls Count, Take or Send never waits: a sample is encoded into a buffer of a fixed set and put into a queue of
// fixed length, and where either is exhausted it is dropped and counted, which collectors see as drops of its source.
// Counters are atomic and are read by a timer, whether or not events come. One goroutine, Run, does the rest.
//
// The records are those that mod_sflow sends: flow samples with a socket (0:2100, 0:2101) and a request (0:2206),
// counter samples with workers (0:2206), parent (0:2002) and requests (0:2201), of source class 3 with the server's port as
// index. A server's name that the request's Host does not tell goes with a sample as its target (0:2205).
//
// Specifications: sflow_version_5.txt, sflow_http.txt, sflow_host.txt, sflow_application.txt at sflow.org.
package agent
