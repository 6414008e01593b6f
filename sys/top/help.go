package top

import "fmt"

// The keys that the last line names, by what is shown.
var (
	tableKeys = [][2]string{{"F1", "Help"}, {"F2", "Views"}, {"/", "Search"}, {"F4", "Rows"}, {"f", "Filter"}, {"F5", "Echo"}, {"F6", "Dig"},
		{"F9", "Sort"}, {"p", "Pause"}, {"Enter", "Into"}, {"Bksp", "Back"}, {"q", "Quit"}}
	pagerKeys  = [][2]string{{"F1", "Help"}, {"F2", "Data as"}, {"/", "Search"}, {"F3", "Next"}, {"F5", "Echo"}, {"F6", "Dig"}, {"c", "Clear"}, {"p", "Pause"}, {"Bksp", "Back"}, {"q", "Quit"}}
	pickerKeys = [][2]string{{"Enter", "Choose"}, {"Esc", "Back"}, {"q", "Quit"}}
	helpKeys   = [][2]string{{"Any key", "Back"}, {"q", "Quit"}}
)

// keyHelp is what each key does.
var keyHelp = [][2]string{
	{"F1 h ?", "this page"},
	{"F2 v", "another view of what is chosen; in data and events: another way to show data"},
	{"Enter", "into the row: everything is narrowed to it"},
	{"Backspace Esc", "back to where it was opened from"},
	{"Arrows j k PgUp PgDn", "move; left and right move the text"},
	{"Home End g G", "to the first and the last row"},
	{"/ Ctrl+F", "search; F3 or n goes on to the next"},
	{"F4 \\", "show only rows with a text, as it is typed; Backspace shows all again"},
	{"f", "change the filter, in the language of tapir sys"},
	{"F5 e", "echo: what is read and written in the row"},
	{"F6 d", "dig: the events of the row"},
	{"F9 >", "choose the column that sorts; 1 to 9 sort by that column, once more turns it around"},
	{"p", "pause: the screen stays as it is, counting goes on"},
	{"c Delete", "clear (live)"},
	{"q F10 Ctrl+C", "quit"},
}

// helpLines are the page of help: the keys, the view and its columns.
func (t *Top) helpLines() []Line {
	out := []Line{line(Title, "Keys")}
	for _, k := range keyHelp {
		out = append(out, Line{{fmt.Sprintf("%-22s", k[0]), KeyCap}, {k[1], Text}})
	}
	v := t.here().view
	out = append(out, nil, line(Title, "%s", v.Name), line(Text, "%s", v.Desc))
	for i := range v.columns {
		out = append(out, Line{{fmt.Sprintf("%-22s", v.columns[i].Title), KeyCap}, {v.columns[i].Desc, Text}})
	}
	filter := v.Filter
	if filter == "" {
		filter = "all events"
	}
	return append(out, nil, Line{{fmt.Sprintf("%-22s", "Counts"), Dim}, {filter, Text}})
}
