package record

// arpFields belong to ARP (proto/arp). arp.ip and arp.mac hold what replies say, because only those are answers to
// a question about the session's address; who asked for what is in the others.
var arpFields = []Field{
	{Name: "arp.ip", Type: TypeIP, Set: true, Kinds: InSession, Desc: "Sender address of replies"},
	{Name: "arp.mac", Type: TypeTerm, Set: true, Kinds: InSession, Fold: FoldLower, Desc: "Sender MAC address of replies"},
	{Name: "arp.oui", Type: TypeTerm, Set: true, Kinds: InSession, Desc: "OUI of the sender of replies"},
	{Name: "arp.opcode", Type: TypeInt, Set: true, Kinds: InSession, Desc: "Operations: 1 request, 2 reply, 3 and 4 RARP, 8 and 9 InARP"},
	{Name: "arp.operation", Type: TypeTerm, Set: true, Kinds: InSession, Fold: FoldUpper, Desc: "What messages are for: REQUEST, REPLY, PROBE, ANNOUNCEMENT (RFC 5227), GRATUITOUS (a reply about its sender), ..."},
	{Name: "arp.request.ip", Type: TypeIP, Set: true, Kinds: InSession, Desc: "Sender address of requests"},
	{Name: "arp.request.mac", Type: TypeTerm, Set: true, Kinds: InSession, Fold: FoldLower, Desc: "Sender MAC address of requests"},
	{Name: "arp.target.ip", Type: TypeIP, Set: true, Kinds: InSession, Aliases: []string{"arp.dst.proto_ipv4"}, Desc: "Addresses asked for"},
}
