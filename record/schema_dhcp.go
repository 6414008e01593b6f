package record

// dhcpFields belong to DHCPv4 and DHCPv6 (proto/dhcp).
var dhcpFields = []Field{
	{Name: "dhcp.type", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldUpper, Desc: "DHCP Type"},
	{Name: "dhcp.host", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Desc: "DHCP Host"},
	{Name: "dhcp.host.tokens", Type: TypeText, Kinds: InFlow, Aliases: []string{"dhcp.hostTokens"}, Desc: "Hostname Tokens", Raw: "dhcp.host"},
	{Name: "dhcp.mac", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Desc: "DHCP Client MAC"},
	{Name: "dhcp.oui", Type: TypeTerm, Set: true, Kinds: InFlow, Desc: "DHCP Client OUI"},
	{Name: "dhcp.id", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Desc: "DHCP Transaction id"},
	{Name: "dhcp.class_id", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"dhcp.classId"}, Desc: "DHCP Vendor Class"},
	{Name: "dhcp.request_ip", Type: TypeIP, Set: true, Kinds: InFlow, Aliases: []string{"dhcp.requestIp"}, Desc: "DHCP Request IP"},
}
