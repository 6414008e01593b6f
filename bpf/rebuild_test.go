package bpf_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compiler is the one that the committed objects were built with; another one makes other bytes.
const compiler = "Debian clang version 14.0.6"

// The committed objects and their Go files are what the sources make.
func TestObjectsAreCurrent(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skipf("clang: %v", err)
	}
	if !strings.HasPrefix(string(version), compiler+"\n") {
		t.Skipf("the objects are built with %s; this is %s", compiler, strings.SplitN(string(version), "\n", 2)[0])
	}
	dir := filepath.Join(t.TempDir(), "bpf")
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	tool, err := exec.Command("go", "tool", "-n", "bpf2go").Output()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(doc), "\n") {
		command, ok := strings.CutPrefix(line, "//go:generate ")
		if !ok {
			continue
		}
		c := exec.Command("sh", "-c", strings.Replace(command, "go tool bpf2go", strings.TrimSpace(string(tool)), 1))
		c.Dir = dir
		c.Env = append(os.Environ(), "GOPACKAGE=bpf")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	made, err := filepath.Glob(filepath.Join(dir, "*_bpfe*"))
	if err != nil || len(made) < 4 {
		t.Fatalf("%d files were made: %v", len(made), err)
	}
	for _, path := range made {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Base(path)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the sources make (go generate ./bpf): %v", filepath.Base(path), err)
		}
	}
}
