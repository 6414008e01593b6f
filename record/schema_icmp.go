package record

// icmpFields belong to ICMP and ICMPv6 (proto/icmp).
var icmpFields = []Field{
	{Name: "icmp.type", Type: TypeInt, Set: true, Kinds: InFlow, Desc: "ICMP Type"},
	{Name: "icmp.code", Type: TypeInt, Set: true, Kinds: InFlow, Desc: "ICMP Code"},
}
