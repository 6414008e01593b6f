// Package http reads HTTP/1.x (RFC 9110, RFC 9112), HTTP/1.0 (RFC 1945) and HTTP/0.9 from the two byte streams of a
// connection. Bytes and packet times flow in; values of the session and one transaction for each request with its
// response flow out. The pipeline calls it through proto.Protocol.
//
// The two directions are read independently: whether a message is a request or a response is told by its start line,
// not by who sent it, so connections picked up in the middle and wrong guesses of direction are read right. Responses
// pair with requests in order (RFC 9112 section 9.3.2). Interim responses (1xx) belong to no transaction; 101 and a
// successful CONNECT end HTTP, and the connection is handed to whatever comes next.
//
// A header block is read once, when it is complete. Bodies are never buffered: their bytes are counted, the first
// ones looked at (media type, small request bodies), and, within Options' bounds, digested. After packet loss inside
// a body of known length reading goes on behind it; elsewhere the reader searches for the next start line.
//
// Session fields have Arkime's meaning, with these differences: a query parameter is cut at its first "=" and counts
// without one too; a path is one also where the target is a whole URL or the Host header is missing; request bodies are
// kept up to a bound whatever packets they came in; names of response headers are those of responses even if no request
// was seen; large bodies of media and unknown types have no digests (Options.HashMax). Transactions have Packetbeat's,
// except that url.query and url.full are as sent, and that form bodies are not mixed into them.
//
// Invariants:
//
//	I1: a transaction is owned by exactly one of: the message being read (stream.tx), the queue of requests that wait
//	    (parser.wait), or, while a request is still being sent and its response is read already, by both streams.
//	I2: what is consumed of the input depends on the bytes only, never on how they were cut into packets.
//	I3: memory for one connection is bounded: the transactions that wait (maxWait), two inputs (proto.MaxBuffer) and,
//	    while they are needed, two looks at bodies (about 9 kB each).
//	I4: time is linear in the input: nothing unconsumed is searched twice (stream.scan).
package http
