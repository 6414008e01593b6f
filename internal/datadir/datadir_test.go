package datadir

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCreateAndReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "data")
	d, err := OpenWriter(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	if d.Node() != CleanNode(host) {
		t.Errorf("node %q, want the host's name %q", d.Node(), host)
	}
	for _, p := range []string{path, d.Packets(), d.Records(), d.State()} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v, want mode 0700", p, st, err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(path, "VERSION")); string(b) != "1\n" {
		t.Errorf("VERSION holds %q", b)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = OpenWriter(path, Options{Node: "sensor-7"}); err != nil || d.Node() != "sensor-7" {
		t.Fatalf("reopen with a node name: %v %v", d, err)
	}
	d.Close()
	r, err := OpenReader(path)
	if err != nil || r.Node() != "sensor-7" {
		t.Fatalf("reader: %+v %v", r, err)
	}
	if s, err := r.Space(); err != nil || s.Total <= 0 || s.Free > s.Total || s.Percent() > 100 {
		t.Errorf("space %+v %v", s, err)
	}
}

func TestReaderCreatesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	var nf *NotFoundError
	if _, err := OpenReader(path); !errors.As(err, &nf) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the reader created the directory")
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReader(path); !errors.As(err, &nf) {
		t.Errorf("empty directory: got %v", err)
	}
}

func TestForeign(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func() error{
		func() error { _, err := OpenWriter(path, Options{}); return err },
		func() error { _, err := OpenReader(path); return err },
	} {
		var fe *ForeignError
		if err := open(); !errors.As(err, &fe) || fe.Found != "thesis.tex" {
			t.Errorf("got %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(path, "lock")); err == nil {
		t.Error("a lock file was left in a foreign directory")
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct{ text, want, remedy string }{
		{"2\n", "2", "newer tapir"},
		{"0\n", "0", "older tapir"},
		{"", `""`, "restore"},
		{"\x00\xff", `"\x00\xff"`, "restore"},
	} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, "VERSION"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenWriter(path, Options{})
		var ve *VersionError
		if !errors.As(err, &ve) || ve.Found != c.want || !strings.Contains(err.Error(), c.remedy) ||
			!strings.Contains(err.Error(), "version "+c.want) {
			t.Errorf("VERSION %q: got %v", c.text, err)
		}
		if _, err := OpenReader(path); !errors.As(err, &ve) {
			t.Errorf("VERSION %q, reader: got %v", c.text, err)
		}
	}
}

// TestLockedByProcess has a second process hold the lock, as it is in life; the test binary is that process.
func TestLockedByProcess(t *testing.T) {
	if path := os.Getenv("DATADIR_HOLD"); path != "" {
		if _, err := OpenWriter(path, Options{}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	path := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockedByProcess$")
	cmd.Env = append(os.Environ(), "DATADIR_HOLD="+path)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := out.Read(b); err != nil || string(b[:4]) != "held" {
		t.Fatalf("helper says %q %v", b, err)
	}
	_, err := OpenWriter(path, Options{})
	var le *LockedError
	if !errors.As(err, &le) || le.PID != cmd.Process.Pid {
		t.Errorf("got %v, want it to name process %d", err, cmd.Process.Pid)
	}
	if _, err := OpenReader(path); err != nil {
		t.Errorf("a reader needs no lock: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil { // as kill -9 does: the lock ends with the process
		t.Fatal(err)
	}
	in.Close()
	_ = cmd.Wait()
	d, err := OpenWriter(path, Options{})
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	d.Close()
}

func TestNodeNames(t *testing.T) {
	for in, want := range map[string]string{
		"web-1.example.org": "web-1.example.org", "": "node", "a b/c": "a-b-c", "büro": "b-ro",
		strings.Repeat("x", 100): strings.Repeat("x", 64),
	} {
		if got := CleanNode(in); got != want {
			t.Errorf("CleanNode(%q) = %q, want %q", in, got, want)
		}
	}
	if _, err := OpenWriter(t.TempDir(), Options{Node: "a b"}); err == nil || !strings.Contains(err.Error(), `"a-b"`) {
		t.Errorf("bad node name: got %v", err)
	}
	path := t.TempDir()
	d, err := OpenWriter(path, Options{Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := os.WriteFile(filepath.Join(path, "node"), []byte("no good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReader(path); err == nil || !strings.Contains(err.Error(), "no node name") {
		t.Errorf("got %v", err)
	}
	if _, err := OpenWriter(path, Options{}); err == nil {
		t.Error("a broken node file was accepted")
	}
	if d, err := OpenWriter(path, Options{Node: "n2"}); err != nil || d.Node() != "n2" {
		t.Errorf("a given name repairs the file: %v", err)
	}
}

func TestExplain(t *testing.T) {
	if Explain(nil, "/") != nil {
		t.Error("nil must stay nil")
	}
	other := errors.New("other")
	if Explain(other, "/") != other {
		t.Error("other errors must stay as they are")
	}
	path := t.TempDir()
	err := Explain(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, path)
	var fe *FullError
	if !errors.As(err, &fe) || fe.Space.Total == 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"disk full", "GiB", path, "retention"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if Explain(err, path) != err {
		t.Error("explained twice")
	}
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536 << 20: "1.5 GiB", 1 << 62: "4.0 EiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("sizeText(%d) = %q, want %q", n, got, want)
		}
	}
}
