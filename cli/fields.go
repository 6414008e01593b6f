package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/record"
)

func newFields(io Stdio) *cobra.Command {
	var asJSON, markdown bool
	c := &cobra.Command{
		Use:   "fields [WORD...]",
		Short: "List the fields that expressions can name",
		Long: "List every field: its name, type, whether a session holds one value or the set of those seen, the kinds of record\n" +
			"that have it, further names for it, and what it means. Words keep the fields that contain them all.",
		RunE: func(_ *cobra.Command, words []string) error {
			fields := fieldsWith(words)
			switch {
			case len(fields) == 0:
				return errNoMatch
			case asJSON:
				return fieldsJSON(io.Out, fields)
			case markdown:
				return FieldsMarkdown(io.Out)
			}
			return fieldsText(io.Out, fields)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	c.Flags().BoolVar(&markdown, "markdown", false, "the page docs/fields.md")
	return c
}

func fieldsWith(words []string) (out []*record.Field) {
next:
	for _, f := range record.Fields() {
		text := strings.ToLower(f.Name + " " + strings.Join(f.Aliases, " ") + " " + f.Desc)
		for _, w := range words {
			if !strings.Contains(text, strings.ToLower(w)) {
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}

// fieldJSON is one line of `tapir fields --json`.
type fieldJSON struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Set         bool     `json:"set"`
	Kinds       []string `json:"kinds"`
	Aliases     []string `json:"aliases"`
	Any         []string `json:"any,omitempty"`
	Description string   `json:"description"`
}

func fieldsJSON(w io.Writer, fields []*record.Field) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, f := range fields {
		aliases := f.Aliases
		if aliases == nil {
			aliases = []string{}
		}
		if err := enc.Encode(fieldJSON{f.Name, f.Type.String(), f.Set, f.Kinds.Names(), aliases, f.Any, f.Desc}); err != nil {
			return err
		}
	}
	return nil
}

func fieldsText(w io.Writer, fields []*record.Field) error {
	b := bufio.NewWriter(w)
	for _, f := range fields {
		fmt.Fprintf(b, "%-34s %-9s %-6s %s", f.Name, f.Type, multiplicity(f), f.Desc)
		if len(f.Aliases) > 0 {
			fmt.Fprintf(b, " (%s)", strings.Join(f.Aliases, ", "))
		}
		fmt.Fprintln(b)
	}
	return b.Flush()
}

func multiplicity(f *record.Field) string {
	switch {
	case !f.Stored():
		return "any"
	case f.Set || f.Many:
		return "set"
	}
	return "single"
}

// FieldsMarkdown writes the field reference, docs/fields.md.
func FieldsMarkdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "# Fields\n\nMade from the registry by `tapir fields --markdown`; edit `record/schema*.go`, not this page.\n\n"+
		"*set*: a session holds every value seen, and a comparison is true if any of them passes. *any*: the field stands for\n"+
		"several others. Every name in the last column works in expressions as the first does.\n\n"+
		"| field | type | values | kinds | meaning | further names |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, f := range record.Fields() {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", f.Name, f.Type, multiplicity(f), strings.Join(f.Kinds.Names(), ", "), f.Desc, quoted(f.Aliases))
	}
	return b.Flush()
}

func quoted(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "` `") + "`"
}
