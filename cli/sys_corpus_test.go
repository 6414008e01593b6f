package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mended are the arguments that sysdig refuses and tapir answers: "and" binds tighter than "or".
var mended = []string{"evt.type=open or evt.type=close and evt.dir=<"}

// TAPIR_CORPUS names a folder with captures whose output is known; see CONTRIBUTING.md.
func TestSysCorpus(t *testing.T) {
	corpus := os.Getenv("TAPIR_CORPUS")
	if corpus == "" {
		t.Skip("TAPIR_CORPUS is not set")
	}
	t.Setenv("TZ", "UTC")
	files, _ := filepath.Glob(filepath.Join(corpus, "sys", "cases", "*.json"))
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			var c struct {
				Args   []string
				Stdout string
				Group  string
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &c); err != nil {
				t.Fatal(err)
			}
			for _, m := range mended {
				if strings.Contains(strings.Join(c.Args, " "), m) {
					t.Skip("mended")
				}
			}
			if c.Group == "chisels" {
				t.Skip("chisels come next")
			}
			args := []string{"sys"}
			for _, a := range c.Args {
				args = append(args, strings.Replace(a, "@", filepath.Join(corpus, "sys")+"/", 1))
			}
			var out, errs bytes.Buffer
			Main(args, Stdio{In: strings.NewReader(""), Out: &out, Err: &errs})
			if got := out.String(); got != c.Stdout {
				t.Errorf("%s\n%s", strings.Join(c.Args, " "), firstDifference(got, c.Stdout))
			}
		})
	}
}

// firstDifference is the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return "got  " + a + "\nwant " + b
		}
	}
	return ""
}
