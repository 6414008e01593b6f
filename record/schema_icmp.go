package record

// icmpFields belong to ICMP and ICMPv6 (proto/icmp). Types and codes are numbers of their version: see icmp.version.
var icmpFields = []Field{
	{Name: "icmp.type", Type: TypeInt, Set: true, Kinds: InSession, Desc: "ICMP types seen"},
	{Name: "icmp.code", Type: TypeInt, Set: true, Kinds: InSession, Desc: "ICMP codes seen"},

	{Name: "icmp.version", Type: TypeInt, Kinds: InTransaction, Desc: "4 for ICMP, 6 for ICMPv6"},
	{Name: "icmp.request.type", Type: TypeInt, Kinds: InTransaction, Desc: "Type of the request, or of a message that has no response"},
	{Name: "icmp.request.code", Type: TypeInt, Kinds: InTransaction, Desc: "Code of the request"},
	{Name: "icmp.request.message", Type: TypeTerm, Kinds: InTransaction, Desc: "Type and code of the request in words"},
	{Name: "icmp.response.type", Type: TypeInt, Kinds: InTransaction, Desc: "Type of the response"},
	{Name: "icmp.response.code", Type: TypeInt, Kinds: InTransaction, Desc: "Code of the response"},
	{Name: "icmp.response.message", Type: TypeTerm, Kinds: InTransaction, Desc: "Type and code of the response in words"},
	{Name: "icmp.id", Type: TypeInt, Kinds: InTransaction, Aliases: []string{"icmp.ident"}, Desc: "Identifier of a query, of echo: of the program that pings"},
	{Name: "icmp.seq", Type: TypeInt, Kinds: InTransaction, Desc: "Sequence number of a query"},
	{Name: "icmp.mtu", Type: TypeInt, Kinds: InTransaction, Desc: "MTU of the next hop that a packet was too big for (RFC 1191, RFC 8201), in bytes"},
	{Name: "icmp.gateway", Type: TypeIP, Kinds: InTransaction, Desc: "Router a redirect points to"},
	{Name: "icmp.target", Type: TypeIP, Kinds: InTransaction, Desc: "Address a neighbour solicitation or advertisement is about (RFC 4861)"},
	{Name: "icmp.original.source.ip", Type: TypeIP, Kinds: InTransaction, Desc: "Source of the packet an error is about"},
	{Name: "icmp.original.source.port", Type: TypeInt, Kinds: InTransaction, Desc: "Source port of the packet an error is about"},
	{Name: "icmp.original.destination.ip", Type: TypeIP, Kinds: InTransaction, Desc: "Destination of the packet an error is about"},
	{Name: "icmp.original.destination.port", Type: TypeInt, Kinds: InTransaction, Desc: "Destination port of the packet an error is about"},
	{Name: "icmp.original.iana_number", Type: TypeInt, Kinds: InTransaction, Desc: "IP protocol number of the packet an error is about"},
}
