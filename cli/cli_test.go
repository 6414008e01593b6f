package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script run the commands as a user would; ROOT is the project's folder.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tapir": func() {
		os.Exit(Main(os.Args[1:], Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("TAPIR_DATA", filepath.Join(e.WorkDir, "data"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// exits N COMMAND...: the command ends with that exit code.
			"exits": exits,
		},
	})
}

// docs/fields.md is made from the registry; go generate ./cli rewrites it.
//
//go:generate sh -c "go run ../cmd/tapir fields --markdown > ../docs/fields.md"
func TestFieldReferenceIsCurrent(t *testing.T) {
	var want bytes.Buffer
	if err := FieldsMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../docs/fields.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/fields.md is not what the registry says (make generate)")
	}
}
