// Package sflowhttp reports the requests of a Go web server by sFlow: it counts all of them by method and status, draws
// one in N at random, and sends both to sFlow collectors, as Tapir's agent does for Apache and nginx.
//
//	r := sflowhttp.New(sflowhttp.Options{Port: 8080})
//	go r.Run(ctx)
//	http.ListenAndServe(":8080", r.Handler(mux))
//
// Where to send and how much comes from /etc/hsflowd.auto, which hsflowd writes and which is looked at every two
// seconds, or from Options.Config. Without either nothing is sent.
//
// A request costs a few atomic additions; nothing that a handler does waits for a collector. A request that was drawn is
// copied into a queue of fixed length, and dropped and counted where that is full. The bytes of a request are those of its
// header, as HTTP/1.1 would write it, and of what the handler read of its body.
package sflowhttp
