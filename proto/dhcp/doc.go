// Package dhcp reads the Dynamic Host Configuration Protocol: version 4 (RFC 2131, options of RFC 2132 and later) and
// version 6 (RFC 8415). One datagram comes in at a time.
//
// The session gets message types, transaction ids, and what a client says of itself. Each message makes a
// transaction of its own, as its exchange spans broadcast and unicast flows: a client's message one without a
// response, a server's one without a request. Nothing is kept between messages.
package dhcp
