package mirror

import (
	"fmt"
	"strings"
	"unicode"
)

// SpecError is a mistake in how rules are written.
type SpecError struct {
	Spec   string // the whole specification; "" for rules from a file
	Part   string // what is wrong in it
	At     int    // where Part begins, in bytes
	Rule   int    // counted from 1; 0: the whole
	Reason string // with the remedy
}

// Error shows the part, its place, and what to do.
func (e *SpecError) Error() string {
	where := "mirror"
	if e.Rule > 0 {
		where = fmt.Sprintf("mirror rule %d", e.Rule)
	}
	if e.Spec == "" {
		return fmt.Sprintf("%s: %s", where, e.Reason)
	}
	return fmt.Sprintf("%s: %q at character %d of %q: %s", where, e.Part, e.At+1, e.Spec, e.Reason)
}

const example = "write SOURCES@OUTPUTS, for example eth1@eth2_eth1/eth4@eth5"

// Parse reads a specification: rules separated by "_", in each the sources before "@" and the outputs behind it, several
// separated by "/". Names of interfaces are not looked up; Check does that. The error is a *SpecError.
func Parse(spec string) ([]Rule, error) {
	if spec == "" {
		return nil, &SpecError{Reason: "there are no rules: " + example}
	}
	var rules []Rule
	at := 0
	for n, part := range strings.Split(spec, "_") {
		fail := func(bad string, at int, format string, args ...any) error {
			return &SpecError{Spec: spec, Part: bad, At: at, Rule: n + 1, Reason: fmt.Sprintf(format, args...)}
		}
		from, to, found := strings.Cut(part, "@")
		switch {
		case part == "" && n > 0 && at == len(spec):
			return nil, fail("_", at-1, "no rule follows; %s", example)
		case part == "":
			return nil, fail("_", at, "there is no rule before it; %s", example)
		case !found:
			return nil, fail(part, at, `there is no "@"; %s. "_" separates rules: an interface with "_" in its name has to be named in a file, mirror: {rules: [{from: [my_if], to: [eth2]}]}, with --config`, example)
		case strings.Contains(to, "@"):
			return nil, fail(part, at, `there is more than one "@"; rules are separated by "_"`)
		case from == "":
			return nil, fail(part, at, `there is no source before "@"; %s`, example)
		case to == "":
			return nil, fail(part, at, `there is no output after "@"; %s`, example)
		}
		var r Rule
		for _, name := range names(from, at) {
			if reason := badName(name.text); reason != "" {
				return nil, fail(name.text, name.at, "%s", reason)
			}
			r.From = append(r.From, name.text)
		}
		for _, name := range names(to, at+len(from)+1) {
			if reason := badName(name.text); reason != "" {
				return nil, fail(name.text, name.at, "%s", reason)
			}
			r.To = append(r.To, Output{Name: name.text})
		}
		rules = append(rules, r)
		at += len(part) + 1
	}
	return rules, nil
}

type placed struct {
	text string
	at   int
}

func names(s string, at int) (out []placed) {
	for _, t := range strings.Split(s, "/") {
		out = append(out, placed{t, at})
		at += len(t) + 1
	}
	return out
}

// badName says why the kernel would not take a name (dev_valid_name of net/core/dev.c).
func badName(s string) string {
	switch {
	case s == "":
		return `there is no name between the separators; "/" stands between two interfaces`
	case len(s) > 15:
		return fmt.Sprintf("%d characters; the name of an interface has at most 15", len(s))
	case s == "." || s == "..":
		return "no interface can have this name"
	}
	for _, c := range s {
		if c == '/' || c == ':' || unicode.IsSpace(c) || unicode.IsControl(c) {
			return fmt.Sprintf("the name of an interface cannot have %q in it", c)
		}
	}
	return ""
}

// Format writes rules as a specification. It is false for rules that have no such form: those with options, with remote
// outputs, or with an interface whose name contains "_" or "@".
func Format(rules []Rule) (string, bool) {
	parts := make([]string, len(rules))
	for i := range rules {
		r := &rules[i]
		if r.Options() != "" {
			return "", false
		}
		for _, o := range r.To {
			if o.Remote != nil || strings.ContainsAny(o.Name, "_@") {
				return "", false
			}
		}
		for _, f := range r.From {
			if strings.ContainsAny(f, "_@") {
				return "", false
			}
		}
		parts[i] = r.String()
	}
	return strings.Join(parts, "_"), true
}
