package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/chisel"
)

// sysHelp is made of the options.
var sysHelp = func() string {
	var b strings.Builder
	b.WriteString("Usage: tapir sys [OPTIONS] [FILTER]\n\nOptions:\n")
	for _, f := range sysFlags {
		name := "--" + f.long
		if f.short != 0 {
			name = fmt.Sprintf("-%c, %s", f.short, name)
		}
		if f.value != "" {
			name += " " + f.value
		}
		fmt.Fprintf(&b, "  %-28s %s\n", name, f.desc)
	}
	return b.String()
}()

// fieldColumn is how wide the names of fields are shown.
const fieldColumn = 30

// sysListFields lists the fields by class.
func sysListFields(w io.Writer, verbose bool) error {
	out := bufio.NewWriter(w)
	class := ""
	for _, f := range sys.Fields() {
		if c := className(f); c != class {
			if class != "" {
				out.WriteByte('\n')
			}
			class = c
			fmt.Fprintf(out, "-------------------------------\n%-*s%s\n\n", fieldColumn, "Field Class:", class)
		}
		desc := f.Desc
		if verbose {
			desc = "(Type: " + f.Type + ") " + desc
		}
		fmt.Fprintf(out, "%-*s%s\n", fieldColumn, f.Name, wrapWords(desc, 90, fieldColumn))
	}
	return out.Flush()
}

// className is the class of a field: what its name begins with.
func className(f sys.FieldInfo) string {
	c, _, _ := strings.Cut(f.Name, ".")
	return c
}

// wrapWords breaks a text into lines of at most width characters; those behind the first are indented.
func wrapWords(text string, width, indent int) string {
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(text) {
		if at > 0 && at+len(word)+1 > width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = 0
		}
		b.WriteString(word + " ")
		at += len(word) + 1
	}
	return b.String()
}

// sysFieldsMarkdown lists the fields as tables of Markdown.
func sysFieldsMarkdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	class := ""
	for _, f := range sys.Fields() {
		if c := className(f); c != class {
			class = c
			fmt.Fprintf(out, "\n## Field Class: %s\n\nName | Type | Description\n:----|:-----|:-----------\n", class)
		}
		fmt.Fprintf(out, "`%s` | %s | %s\n", f.Name, f.Type, f.Desc)
	}
	return out.Flush()
}

// sysListEvents lists the events with their parameters.
func sysListEvents(w io.Writer) error {
	out := bufio.NewWriter(w)
	for t := range scap.Type(scap.Types) {
		info := t.Info()
		if !info.Known() || info.Category == scap.CatInternal {
			continue
		}
		dir := byte('>')
		if t.Exit() {
			dir = '<'
		}
		fmt.Fprintf(out, "%c %s(", dir, info.Name)
		for i := range info.Params {
			if i > 0 {
				out.WriteString(", ")
			}
			fmt.Fprintf(out, "%s %s", info.Params[i].Upper, info.Params[i].Name)
		}
		out.WriteString(")\n")
	}
	return out.Flush()
}

// sysListChisels lists the chisels by category.
func sysListChisels(w io.Writer) error {
	out := bufio.NewWriter(w)
	category := ""
	for _, c := range chisel.All() {
		if c.Category != category {
			category = c.Category
			fmt.Fprintf(out, "\nCategory: %s\n%s\n", category, strings.Repeat("-", len(category)+10))
		}
		fmt.Fprintln(out, chiselLine(&c))
	}
	return out.Flush()
}

// sysDescribeChisel says what a chisel does and which arguments it takes.
func sysDescribeChisel(w io.Writer, name string) error {
	c := chisel.Find(name)
	if c == nil {
		return usagef("there is no chisel %s (tapir sys -cl lists them)", name)
	}
	fmt.Fprintf(w, "\nCategory: %s\n%s\n%s\n\n%s\nArgs:\n", c.Category, strings.Repeat("-", len(c.Category)+10), chiselLine(c), cut(c.Desc, 79, 0))
	if len(c.Args) == 0 {
		fmt.Fprintln(w, "(None)")
	}
	for _, a := range c.Args {
		fmt.Fprintln(w, cut(fmt.Sprintf("[%s] %s - %s", a.Type, a.Name, a.Desc), 63, chiselColumn))
	}
	_, err := fmt.Fprintln(w)
	return err
}

// chiselColumn is how wide the names of chisels are shown.
const chiselColumn = 16

// chiselLine is a chisel's name with a few words.
func chiselLine(c *chisel.Chisel) string {
	if len(c.Name) >= chiselColumn {
		return fmt.Sprintf("%s\n%-*s%s", c.Name, chiselColumn, "", c.Short)
	}
	return fmt.Sprintf("%-*s%s", chiselColumn, c.Name, c.Short)
}

// cut breaks a text into lines of width characters, those behind the first indented.
func cut(s string, width, indent int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\n" + strings.Repeat(" ", indent))
		s = s[width:]
	}
	return b.String() + s
}
