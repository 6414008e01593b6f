// Package dns reads the Domain Name System (RFC 1035, 2181, 6891 and the record types since), over UDP and TCP, and
// its relatives that share the message format: multicast DNS (RFC 6762) and LLMNR (RFC 4795).
//
// Messages come in; the session gets the names, addresses and records seen, and each query makes a transaction with
// its response, found by id, direction and question. Zone transfers collect all their messages in one transaction.
// Multicast messages are answered from elsewhere, in other flows, so each is a transaction of its own.
//
// It keeps no bytes between calls but the queries that wait (at most maxWaiting a flow) and bounds what one session
// and one transaction may list (maxSessionRecords, maxListed). A name is read with pointers that only go back, so
// reading a message takes time in proportion to its length.
//
// Names are shown in lower case without the dot at the end. Bytes of a label that are not printable, or would be
// read as something else, are escaped as in a zone file (\. and \046); UTF-8 is kept, as multicast DNS uses it.
package dns
