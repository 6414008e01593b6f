package syscalls

import (
	goflag "flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/scap"
)

var update = goflag.Bool("update", false, "write the golden files")

// Every event of the schema that a call yields is made with all its parameters; those that are told by a constant are known, and so are
// the calls that have no event: testdata/generic.golden.
func TestTable(t *testing.T) {
	if numbers32Text == "" {
		t.Skip("the machine lacks calls that others have")
	}
	made := map[string]bool{}
	var generic []string
	for i := range calls() {
		c := &calls()[i]
		if c.name == "" {
			continue
		}
		info := c.event.Info()
		made[info.Name] = true
		if c.event == genericExit {
			if i < narrow {
				generic = append(generic, c.name)
			}
			continue
		}
		params := 0
		for j, p := range c.params {
			params++
			if p.from == fromMaker && spreads[info.Params[j].Name] { // it makes all that follow
				params = len(info.Params)
			}
			if name := info.Name + "." + info.Params[j].Name; (p.from == fromNothing || p.from == fromConst) != constant[name] {
				t.Errorf("%s: constant %v, not %v", name, !constant[name], constant[name])
			}
		}
		if params != len(info.Params) {
			t.Errorf("%s has %d parameters, %d are made", info.Name, len(info.Params), params)
		}
	}
	for e := scap.Type(1); e < scap.Types; e += 2 {
		if info := e.Info(); info.Known() && !made[info.Name] && info.Category != scap.CatInternal {
			t.Errorf("no call makes %s (%d)", info.Name, e)
		}
	}
	slices.Sort(generic)
	const golden = "testdata/generic.golden"
	text := strings.Join(generic, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("calls without an event of their own (go test ./source/syscalls -run Table -update writes them):\n%s", text)
	}
	fmt.Fprintf(t.Output(), "%d events are made, %d calls are generic\n", len(made), len(generic))
}

// spreads are the parameters whose makers make those behind them too.
var spreads = map[string]bool{"exe": true, "quotafilepath": true}

// constant are the parameters that are the same for each call. sysdig has it so, but for creat_flags, which tell of overlay file systems.
var constant = map[string]bool{"creat.creat_flags": true, "inotify_init.flags": true, "signalfd.mask": true, "signalfd.flags": true, "signalfd4.mask": true, "eventfd.flags": true}
