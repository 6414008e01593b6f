package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tapir-project/tapir/doctor"
)

// asNobody runs the program as an ordinary user, with the file capabilities that cap names, if any.
type asNobody struct {
	t    *testing.T
	path string
}

// nobody copies this test's program, which is tapir by its name, to where user nobody may run it.
func nobody(t *testing.T) *asNobody {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("becoming another user takes root")
	}
	dir, err := os.MkdirTemp("", "tapir-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	a := &asNobody{t, filepath.Join(dir, "tapir")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(a.path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return a
}

// grant sets the file's capabilities as tapir doctor says.
func (a *asNobody) grant(caps string) {
	a.t.Helper()
	if out, err := exec.Command("setcap", caps+"=ep", a.path).CombinedOutput(); err != nil {
		a.t.Fatalf("setcap: %v\n%s", err, out)
	}
}

// run gives the exit code and what was printed.
func (a *asNobody) run(args ...string) (code int, stdout, stderr string) {
	a.t.Helper()
	var out, errs bytes.Buffer
	c := exec.Command(a.path, args...)
	c.Dir, c.Stdout, c.Stderr = "/", &out, &errs
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	err := c.Run()
	if c.ProcessState == nil {
		a.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// findings are the doctor's, by area and check.
func (a *asNobody) findings(data string) map[string]doctor.Finding {
	a.t.Helper()
	_, out, errs := a.run("doctor", "--json", "--data", data)
	all := map[string]doctor.Finding{}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var f doctor.Finding
		if err := d.Decode(&f); err == io.EOF {
			break
		} else if err != nil {
			a.t.Fatalf("%v\n%s\n%s", err, out, errs)
		}
		all[f.Area+" "+f.Check] = f
	}
	return all
}

// An ordinary user may nothing of what takes privileges, and is told the command that mends it; after that command, and
// still as that user, all of it works.
func TestOrdinaryUser(t *testing.T) {
	a := nobody(t)
	private := []string{"capture packets", "mirror programs", "sys programs", "system privileges"}
	before := a.findings(t.TempDir())
	for _, name := range private {
		if f := before[name]; f.OK || f.Fix != "sudo setcap "+doctor.Capabilities+"=ep "+a.path {
			t.Errorf("without capabilities, %s: %+v", name, f)
		}
	}
	if f := before["data directory"]; f.OK || !strings.Contains(f.Fix, "install -d -o nobody") {
		t.Errorf("a directory of root: %+v", f)
	}
	if code, _, errs := a.run("devices", "--check"); code != exitPrivilege || !strings.Contains(errs, "CAP_NET_RAW") {
		t.Errorf("without capabilities, capturing ends with %d: %s", code, errs)
	}
	if code, _, errs := a.run("sys", "-M", "1"); code != exitPrivilege || !strings.Contains(errs, "CAP_PERFMON") {
		t.Errorf("without capabilities, tracing ends with %d: %s", code, errs)
	}
	a.grant(doctor.Capabilities)
	data := filepath.Dir(a.path) + "/data"
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	after := a.findings(data)
	for _, name := range append(private, "capture sockets", "sys processes", "data directory", "data speed") {
		if f := after[name]; !f.OK {
			t.Errorf("with capabilities, %s: %+v", name, f)
		}
	}
	if code, _, errs := a.run("devices", "--check"); code != exitOK {
		t.Errorf("with capabilities, capturing ends with %d: %s", code, errs)
	}
	// The calls of this test, another user's process, are seen by the descriptors that it had open before.
	seen := exec.Command("sh", "-c", "exec 7<"+a.path+"; while sleep 0.05; do head -c 1 <&7; done")
	if err := seen.Start(); err != nil {
		t.Fatal(err)
	}
	code, out, errs := a.run("sys", "-M", "2", "-p", "%fd.name", "proc.name=head and evt.type=read and fd.name="+a.path)
	seen.Process.Kill()
	seen.Wait()
	if code != exitOK || !strings.Contains(out, a.path) {
		t.Errorf("with capabilities, tracing ends with %d: %s%s", code, out, errs)
	}
	if left, err := filepath.Glob(data + "/.tapir-doctor-*"); err != nil || len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
