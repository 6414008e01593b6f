package parquet

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/tapir-project/tapir/query"
)

// wildcard is a pattern of * and ? as SQL.
func wildcard(x, pat string) string {
	toks := wildTokens(validText(pat))
	if len(toks) == 0 {
		return x + " = ''"
	}
	return wild(x, toks)
}

// wild is a pattern of at least one piece as SQL. The common forms become functions that need no pattern.
func wild(x string, toks []wildToken) string {
	switch {
	case len(toks) == 1 && toks[0].lit != "":
		return x + " = " + quote(toks[0].lit)
	case len(toks) == 1 && toks[0].star:
		return x + " IS NOT NULL"
	case len(toks) == 2 && toks[0].lit != "" && toks[1].star:
		return "starts_with(" + x + ", " + quote(toks[0].lit) + ")"
	case len(toks) == 2 && toks[0].star && toks[1].lit != "":
		return "suffix(" + x + ", " + quote(toks[1].lit) + ")"
	case len(toks) == 3 && toks[0].star && toks[1].lit != "" && toks[2].star:
		return "contains(" + x + ", " + quote(toks[1].lit) + ")"
	}
	return like(x, toks)
}

// wildToken is a piece of a pattern: *, a literal text, or else one ?.
type wildToken struct {
	lit  string
	star bool
}

func wildTokens(pat string) (out []wildToken) {
	lit := ""
	flush := func() {
		if lit != "" {
			out = append(out, wildToken{lit: lit})
			lit = ""
		}
	}
	for i := 0; i < len(pat); i++ {
		switch c := pat[i]; {
		case c == '*':
			if flush(); len(out) == 0 || !out[len(out)-1].star {
				out = append(out, wildToken{star: true})
			}
		case c == '?':
			flush()
			out = append(out, wildToken{})
		default:
			if c == '\\' && i+1 < len(pat) {
				i++
			}
			lit += pat[i : i+1]
		}
	}
	flush()
	return out
}

func like(x string, toks []wildToken) string {
	pat, escaped := "", false
	for _, t := range toks {
		switch {
		case t.star:
			pat += "%"
		case t.lit == "":
			pat += "_"
		default:
			e := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(t.lit)
			escaped = escaped || e != t.lit
			pat += e
		}
	}
	if escaped {
		return x + " LIKE " + quote(pat) + ` ESCAPE '\'`
	}
	return x + " LIKE " + quote(pat)
}

// regex is a regular expression as SQL. What every match must look like is tested first, as a pattern of literal
// texts: that is far cheaper.
func regex(x, re string) string {
	full := "regexp_full_match(" + x + ", " + quote("(?s:"+re+")") + ")"
	tree, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return full
	}
	toks := outline(nil, tree)
	n := 0
	for _, t := range toks {
		n += len(t.lit)
	}
	if n < minOutline {
		return full
	}
	// CASE, because AND evaluates both sides where no rows are being filtered.
	return "CASE WHEN " + wild(x, toks) + " THEN " + full + " ELSE false END"
}

const minOutline = 3 // bytes of literal text that are worth looking for

// outline appends a pattern that all matches of re fit.
func outline(out []wildToken, re *syntax.Regexp) []wildToken {
	switch {
	case re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0:
		if n := len(out) - 1; n >= 0 && out[n].lit != "" {
			out[n].lit += string(re.Rune)
			return out
		}
		return append(out, wildToken{lit: string(re.Rune)})
	case re.Op == syntax.OpEmptyMatch:
		return out
	case re.Op == syntax.OpCapture:
		return outline(out, re.Sub[0])
	case re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Min > 0:
		out = outline(out, re.Sub[0])
	case re.Op == syntax.OpConcat:
		for _, sub := range re.Sub {
			out = outline(out, sub)
		}
		return out
	}
	if n := len(out) - 1; n >= 0 && out[n].star {
		return out
	}
	return append(out, wildToken{star: true})
}

// anyCase is a regular expression for a text whose ASCII letters may have any case.
func anyCase(s string) string {
	var b strings.Builder
	for _, r := range validText(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			b.WriteByte('[')
			b.WriteRune(r &^ 0x20)
			b.WriteRune(r | 0x20)
			b.WriteByte(']')
		case r == 0:
			b.WriteString(`\x00`)
		case r < utf8.RuneSelf && strings.ContainsRune(`\.+*?()|[]{}^$`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// notWord is what stands between words (query.SplitWords).
const notWord = `[^0-9A-Za-z_\x{80}-\x{10FFFF}]`

// words is a phrase as SQL.
func words(x string, ws query.Words) string {
	parts := make([]string, len(ws))
	for i, w := range ws {
		parts[i] = anyCase(w)
	}
	re := "(^|" + notWord + ")" + strings.Join(parts, notWord+"+") + "($|" + notWord + ")"
	return "regexp_matches(" + x + ", " + quote(re) + ")"
}
