package record

// queryFields are names that Arkime's expressions use and no protocol owns: marks that jobs leave on sessions, and
// other ways to write the first payload bytes.
var queryFields = []Field{
	{Name: "hunt.id", Type: TypeTerm, Set: true, Kinds: InSession, Aliases: []string{"huntId"}, Desc: "Ids of the payload searches that found the session"},
	{Name: "hunt.name", Type: TypeTerm, Set: true, Kinds: InSession, Aliases: []string{"huntName"}, Desc: "Names of the payload searches that found the session"},
	{Name: "scrubbed.by", Type: TypeTerm, Set: true, Kinds: InSession, Aliases: []string{"scrubby"}, Desc: "Who removed the session's packets"},
	{Name: "payload8.hex", Type: TypeTerm, Kinds: InSession, Fold: FoldLower, Aliases: []string{"payload8"}, Any: payload8, Desc: "First 8 payload bytes of either side, hex"},
	{Name: "payload8.utf8", Type: TypeTerm, Kinds: InSession, Any: payload8, Desc: "First 8 payload bytes of either side, as text"},
	{Name: "payload8.src.utf8", Type: TypeTerm, Kinds: InSession, Any: payload8[:1], Desc: "First 8 payload bytes of the initiator, as text"},
	{Name: "payload8.dst.utf8", Type: TypeTerm, Kinds: InSession, Any: payload8[1:], Desc: "First 8 payload bytes of the responder, as text"},
}

var payload8 = []string{"source.payload8", "destination.payload8"}
