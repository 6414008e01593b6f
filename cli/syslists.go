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

// sysListFields lists the fields by class.
func sysListFields(w io.Writer, verbose bool) error {
	out := bufio.NewWriter(w)
	class := ""
	for _, f := range sys.Fields() {
		if c, _, _ := strings.Cut(f.Name, "."); c != class {
			class = c
			fmt.Fprintf(out, "\n----------------------\nField Class: %s\n\n", class)
		}
		if verbose {
			fmt.Fprintf(out, "%-30s(Type: %s) %s\n", f.Name, f.Type, f.Desc)
			continue
		}
		fmt.Fprintf(out, "%-16s%s\n", f.Name, f.Desc)
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
		if len(c.Name) >= 16 {
			fmt.Fprintf(out, "%s\n%16s%s\n", c.Name, "", c.Short)
			continue
		}
		fmt.Fprintf(out, "%-16s%s\n", c.Name, c.Short)
	}
	return out.Flush()
}

// sysDescribeChisel says what a chisel does and which arguments it takes.
func sysDescribeChisel(w io.Writer, name string) error {
	c := chisel.Find(name)
	if c == nil {
		return usagef("there is no chisel %s (tapir sys -cl lists them)", name)
	}
	fmt.Fprintf(w, "\nCategory: %s\n%s\n%-16s%s\n\n%s\nArgs:\n", c.Category, strings.Repeat("-", len(c.Category)+10), c.Name, c.Short, c.Desc)
	if len(c.Args) == 0 {
		fmt.Fprintln(w, "(None)")
	}
	for _, a := range c.Args {
		form := "%s"
		if a.Optional {
			form = "[%s]"
		}
		fmt.Fprintf(w, form+" %s - %s\n", a.Type, a.Name, a.Desc)
	}
	_, err := fmt.Fprintln(w)
	return err
}
