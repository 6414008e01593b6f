package query

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
)

const maxPattern = 1000 // bytes of a wildcard pattern or regular expression

// escapable are the characters that a backslash makes literal. Before any other a backslash means itself, so that
// Windows paths need no doubling.
const escapable = `\*?"',[]()`

// literal is s as a pattern that only s matches.
func literal(s string) string {
	if !strings.ContainsAny(s, `\*?`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' || s[i] == '*' || s[i] == '?' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// pattern is a value as written in the form of Wildcard: only backslash, * and ? are still preceded by a backslash,
// where they are literal.
func pattern(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		if i+1 < len(s) && strings.IndexByte(escapable, s[i+1]) >= 0 {
			i++
			c = s[i]
		}
		if c == '\\' || c == '*' || c == '?' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// isWild says whether a pattern has a * or ? that is not literal.
func isWild(pat string) bool {
	for i := 0; i < len(pat); i++ {
		switch pat[i] {
		case '\\':
			i++
		case '*', '?':
			return true
		}
	}
	return false
}

// unliteral is the text of a pattern whose * and ? mean themselves.
func unliteral(pat string) string {
	if strings.IndexByte(pat, '\\') < 0 {
		return pat
	}
	var b strings.Builder
	for i := 0; i < len(pat); i++ {
		if pat[i] == '\\' && i+1 < len(pat) {
			i++
		}
		b.WriteByte(pat[i])
	}
	return b.String()
}

// unescape is a value as written without its escapes; * and ? mean themselves.
func unescape(s string) string { return unliteral(pattern(s)) }

// foldText folds ASCII letters as the registry folds values.
func foldText(s string, f record.Fold) string {
	switch f {
	case record.FoldLower:
		return mapASCII(s, 'A', 'Z', 'a'-'A')
	case record.FoldUpper:
		return mapASCII(s, 'a', 'z', -('a' - 'A'))
	}
	return s
}

func mapASCII(s string, lo, hi byte, shift int) string {
	i := 0
	for i < len(s) && (s[i] < lo || s[i] > hi) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := []byte(s)
	for ; i < len(b); i++ {
		if b[i] >= lo && b[i] <= hi {
			b[i] = byte(int(b[i]) + shift)
		}
	}
	return string(b)
}

// term binds a value of a text field.
func (b *binder) term(f *record.Field, a *ask, v *value) (item, *Error) {
	if isID(f) {
		return idItem(f, a, v)
	}
	if a.op == opMatches || v.kind == regexValue {
		return b.regexItem(f, a, v)
	}
	pat := pattern(v.text)
	if v.kind == listedValue {
		pat = literal(v.text)
	}
	if a.op == opGlob && strings.ContainsAny(pat, "[{") {
		return item{}, errAt(v.at, "glob knows * and ? only").expect("* and ?", "matches /[ab]/")
	}
	if a.utf8 {
		return hexItem(f, a, v, pat)
	}
	pat = foldText(rewrite(f, a.op, pat), f.Fold)
	switch {
	case pat == "":
		return item{}, errAt(v.at, "no stored text is empty; to ask for records without %s write %s != EXISTS!", a.name.text, a.name.text)
	case len(pat) > maxPattern && isWild(pat) && (a.op == opEq || a.op == opGlob):
		return item{}, errAt(v.at, "the pattern has %d bytes; at most %d are taken", len(pat), maxPattern)
	}
	return textItem(f, a, v, pat)
}

// textItem makes the matchers of a value whose pattern is folded and fits the field.
func textItem(f *record.Field, a *ask, v *value, pat string) (item, *Error) {
	text := unliteral(pat)
	switch a.op {
	case opContains, opIContains:
		return one(Substring{text, a.op == opIContains}), nil
	case opStarts:
		return one(Prefix(text)), nil
	case opEnds:
		return one(Suffix(text)), nil
	case opPmatch:
		dir := strings.TrimRight(text, "/")
		if dir == "" {
			return one(Prefix("/")), nil
		}
		return item{match: []Matcher{Text(dir), Prefix(dir + "/")}}, nil
	}
	switch {
	case isWild(pat):
		return one(Wildcard(pat)), nil
	case a.op == opEq && (a.words || f.Type == record.TypeText):
		w := SplitWords(text)
		if len(w) == 0 {
			return item{}, errAt(v.at, "%s has no word to look for", quote(v.text)).expect("letters or digits")
		}
		return one(Words(w)), nil
	}
	return item{match: spellings(f, text)}, nil
}

func one(m Matcher) item { return item{match: []Matcher{m}} }

// spellings are the ways in which a value of a field may be stored: as given, then the other spellings of the same.
func spellings(f *record.Field, text string) []Matcher {
	out := []Matcher{Text(text)}
	if f.Also == nil {
		return out
	}
	keys := slices.Sorted(maps.Keys(f.Also))
	i := slices.IndexFunc(keys, func(k string) bool { return strings.EqualFold(k, text) || strings.EqualFold(f.Also[k], text) })
	if i < 0 {
		return out
	}
	stored := f.Also[keys[i]]
	out = append(out, Text(foldText(stored, f.Fold)))
	for _, k := range keys {
		if f.Also[k] == stored {
			out = append(out, Text(foldText(k, f.Fold)))
		}
	}
	return distinct(out)
}

// rewrite brings a pattern into the form in which the field's values are stored: MAC addresses with colons, URIs
// without scheme, hosts without scheme and path.
func rewrite(f *record.Field, op opcode, pat string) string {
	whole := op == opEq || op == opGlob
	switch {
	case isMAC(f):
		return strings.ReplaceAll(pat, "-", ":")
	case f.Name == "event.kind":
		return foldText(pat, record.FoldLower)
	case f.Name == "http.uri" && (whole || op == opStarts):
		return dropScheme(pat)
	case hostFields[f.ID] && whole:
		return hostOf(f, pat)
	case isPayload8(f) && whole:
		for pat = foldText(pat, record.FoldLower); strings.HasPrefix(pat, "0x"); {
			pat = pat[2:]
		}
	}
	return pat
}

// hostFields are those that "host" stands for.
var hostFields = func() map[record.FieldID]bool {
	set := map[record.FieldID]bool{}
	if f, ok := record.Lookup("host"); ok {
		for _, name := range f.Any {
			g, _ := record.Lookup(name)
			set[g.ID] = true
		}
	}
	return set
}()

func isMAC(f *record.Field) bool      { return f.Name == "mac" || strings.HasSuffix(f.Name, ".mac") }
func isPayload8(f *record.Field) bool { return strings.HasSuffix(f.Name, ".payload8") }

// dropScheme takes http:// and the like off the beginning.
func dropScheme(pat string) string {
	for {
		i := strings.Index(pat, "://")
		if i < 1 || strings.Trim(foldText(pat[:i], record.FoldLower), "abcdefghijklmnopqrstuvwxyz0123456789+.-") != "" {
			return pat
		}
		pat = pat[i+len("://"):]
	}
}

// hostOf takes scheme and path off a host. Without a scheme only an HTTP host loses its path: names of the DNS may
// hold slashes (RFC 2317).
func hostOf(f *record.Field, pat string) string {
	bare := dropScheme(pat)
	if bare != pat || f.Name == "url.domain" && !isWild(pat) {
		bare, _, _ = strings.Cut(bare, "/")
	}
	return bare
}

// isID says whether the field holds ids of records.
func isID(f *record.Field) bool { return f.ID == idEvent || f.ID == idSession }

// idItem binds ULID or NODE-ULID. A node is asked for beside the id.
func idItem(f *record.Field, a *ask, v *value) (item, *Error) {
	if a.op != opEq || v.kind == regexValue {
		return item{}, errAt(a.opAt, "%s can only be equal to a whole id", a.name.text).expect("==", "!=", "in", "exists")
	}
	node, id, err := record.ParseID(unescape(v.text))
	if err != nil {
		return item{}, errAt(v.at, "%s is not an id", quote(v.text)).expect("NODE- and 26 letters and digits")
	}
	test := one(Text(id.String()))
	if node == "" {
		return test, nil
	}
	return item{expr: And{&Test{Field: f, Match: test.match}, &Test{Field: record.FieldByID(idObserver), Match: []Matcher{Text(node)}}}}, nil
}

// hexItem binds text that is asked of the first payload bytes, which are stored in hexadecimal digits.
func hexItem(f *record.Field, a *ask, v *value, pat string) (item, *Error) {
	text := hex.EncodeToString([]byte(unliteral(pat)))
	switch {
	case text == "" || len(pat) > 64:
		return item{}, errAt(v.at, "payload8 holds 8 bytes").expect("1 to 8 bytes")
	case a.op == opStarts:
		return one(Prefix(text)), nil
	case a.op == opEnds:
		return one(Suffix(text)), nil
	case a.op == opContains:
		return one(Regex(anyHex + text + anyHex)), nil
	case a.op != opEq && a.op != opGlob:
		return item{}, errAt(a.opAt, "%s cannot be asked of %s", a.op, a.name.text).expect("==", "!=", "contains", "startswith", "endswith", "glob")
	case !isWild(pat):
		return one(Text(text)), nil
	}
	return one(Regex(hexPattern(pat))), nil
}

const (
	oneHex = "[0-9a-f]{2}"
	anyHex = "([0-9a-f]{2})*"
)

// hexPattern is a wildcard pattern of text as a regular expression of its hexadecimal digits, two for each byte.
func hexPattern(pat string) string {
	var b strings.Builder
	for i := 0; i < len(pat); i++ {
		switch c := pat[i]; c {
		case '*':
			b.WriteString(anyHex)
		case '?':
			b.WriteString(oneHex)
		default:
			if c == '\\' {
				i++
			}
			b.WriteString(hex.EncodeToString([]byte(pat[i : i+1])))
		}
	}
	return b.String()
}

// SplitWords are the words of a text, in lower case (ASCII): runs of letters, digits and underscores; every character
// beyond ASCII counts as a letter. A Words matcher passes where its words are consecutive words of the value.
func SplitWords(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r < 0x80 && !isAlnum(byte(r)) && r != '_' })
	for i := range words {
		words[i] = foldText(words[i], record.FoldLower)
	}
	return words
}
