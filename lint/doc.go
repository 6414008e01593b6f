// Package lint holds the rules of the house as tests: who may import whom, that every package says what it is, how
// large files and functions may grow, that files carry no path of a machine. `make lint` runs it; each failure says
// why the rule is there.
package lint
