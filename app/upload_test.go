package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// outcome is the last line of an import's answer.
type outcome struct {
	status   int
	Imported *struct {
		From, To                        time.Time
		Packets, Sessions, Transactions uint64
		Warning                         string
	}
	Error *struct{ Message string }
}

// upload posts a file to a server.
func upload(t *testing.T, base string, body io.Reader) (o outcome) {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", strings.Replace(base, "/?", "/api/import?", 1), body)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(all)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &o); err != nil {
		t.Fatalf("%v: %s", err, all)
	}
	o.status = res.StatusCode
	return o
}

// served runs a server over a data directory until the test ends and gives its URL.
func served(t *testing.T, s Serve) string {
	t.Helper()
	ready := make(chan string, 1)
	s.Listen, s.Ready = "127.0.0.1:0", func(url string) { ready <- url }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- RunServer(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case url := <-ready:
		return url
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return ""
}

// emptyData makes a data directory.
func emptyData(t *testing.T, path string) string {
	t.Helper()
	d, err := datadir.OpenWriter(path, datadir.Options{Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func bundledFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// left lists what uploads left behind.
func left(t *testing.T, data string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(data, "state", "uploads"))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestUpload(t *testing.T) {
	data := emptyData(t, t.TempDir())
	url := served(t, Serve{Data: data, ImportLimit: 1 << 20})
	file := bundledFile(t, "nginx.pcap")
	o := upload(t, url, bytes.NewReader(file))
	if o.status != 200 || o.Imported == nil || o.Imported.Packets == 0 || o.Imported.Transactions == 0 || o.Imported.From.Year() != 2026 || !o.Imported.From.Before(o.Imported.To) || o.Imported.Warning != "" {
		t.Fatalf("%+v", o)
	}
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rec := waitFor(t, r, record.KindTransaction, "http.response.status_code == 404", time.Now())
	if at := time.Unix(0, rec.Start); at.Before(o.Imported.From) || at.After(o.Imported.To) {
		t.Errorf("a transaction at %v, imported were %v to %v", at, o.Imported.From, o.Imported.To)
	}
	if p, err := r.PacketStatus(); err != nil || p.Packets != o.Imported.Packets {
		t.Errorf("%+v packets are stored, imported were %d (%v)", p, o.Imported.Packets, err)
	}
	cut := upload(t, url, bytes.NewReader(file[:len(file)-7]))
	if cut.Imported == nil || cut.Imported.Packets == 0 || !strings.Contains(cut.Imported.Warning, "the file") || strings.Contains(cut.Imported.Warning, data) {
		t.Errorf("cut off: %+v", cut.Imported)
	}
	if o := upload(t, url, strings.NewReader("GIF89a, but no capture at all")); o.status != 400 || strings.Contains(o.Error.Message, data) || !strings.Contains(o.Error.Message, "the file") {
		t.Errorf("no capture: %+v %+v", o, o.Error)
	}
	if o := upload(t, url, io.MultiReader(bytes.NewReader(file), bytes.NewReader(make([]byte, 1<<20)))); o.status != 413 || !strings.Contains(o.Error.Message, "--import-limit") {
		t.Errorf("too large: %+v %+v", o, o.Error)
	}
	other, err := datadir.OpenWriter(data, datadir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if o := upload(t, url, bytes.NewReader(file)); o.status != 409 || !strings.Contains(o.Error.Message, "being written by process") {
		t.Errorf("written by another: %+v %+v", o, o.Error)
	}
	if l := left(t, data); len(l) != 0 {
		t.Errorf("%v are left", l)
	}
}

// A client that goes away while it sends leaves no file and no lock behind.
func TestUploadIsCancelled(t *testing.T) {
	data := emptyData(t, t.TempDir())
	url := served(t, Serve{Data: data, ImportLimit: 1 << 30})
	ctx, hangUp := context.WithCancel(t.Context())
	body, in := io.Pipe()
	req, _ := http.NewRequestWithContext(ctx, "POST", strings.Replace(url, "/?", "/api/import?", 1), body)
	gone := make(chan error, 1)
	go func() { _, err := http.DefaultClient.Do(req); gone <- err }()
	file := bundledFile(t, "nginx.pcap")
	if _, err := in.Write(file[:1000]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upload is kept in a file", func() bool { return len(left(t, data)) == 1 })
	if o := upload(t, url, bytes.NewReader(file)); o.status != 409 || !strings.Contains(o.Error.Message, "another import") {
		t.Errorf("a second one: %+v %+v", o, o.Error)
	}
	hangUp()
	in.CloseWithError(context.Canceled)
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	eventually(t, "nothing is left", func() bool { return len(left(t, data)) == 0 })
	eventually(t, "the next import is taken", func() bool { return upload(t, url, bytes.NewReader(file)).status == 200 })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// What a crash left is removed at the next start, but not what another process is receiving.
func TestUploadsAreSwept(t *testing.T) {
	data := emptyData(t, t.TempDir())
	dir := filepath.Join(data, "state", "uploads")
	os.MkdirAll(dir, 0o700)
	os.WriteFile(filepath.Join(dir, "upload-torn"), []byte("x"), 0o600)
	held, err := os.Create(filepath.Join(dir, "upload-held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	served(t, Serve{Data: data, ImportLimit: 1})
	if l := left(t, data); len(l) != 1 || l[0].Name() != "upload-held" {
		t.Errorf("%v are left", l)
	}
}

// A disk without room refuses an upload, whether its size is told or not, and nothing is left of it.
func TestUploadToAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3M"); err != nil {
		t.Skipf("a small disk needs root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	data := emptyData(t, filepath.Join(dir, "data"))
	url := served(t, Serve{Data: data, ImportLimit: 1 << 30, Retention: Retention{FreeBytes: 1}})
	file := filepath.Join(t.TempDir(), "loop.pcap")
	writeLoop(t, file, 20)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]io.Reader{"size told": bytes.NewReader(b), "size not told": io.MultiReader(bytes.NewReader(b))} {
		if o := upload(t, url, body); o.Error == nil || !strings.Contains(o.Error.Message, "room") || o.status != 507 {
			t.Errorf("%s: %+v %+v", name, o, o.Error)
		}
	}
	if l := left(t, data); len(l) != 0 {
		t.Errorf("%v are left", l)
	}
}

// Beside a running capture files are imported, too: what was captured and what was imported are both found, and the same
// file gives the same sessions as elsewhere.
func TestUploadBesideACapture(t *testing.T) {
	to, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	port := to.LocalAddr().(*net.UDPAddr).Port
	c := Capture{Interfaces: []string{"lo"}, Filter: fmt.Sprintf("udp port %d", port)}
	if src, err := c.open(1, nil); err != nil {
		t.Skipf("capturing needs CAP_NET_RAW: %v", err)
	} else {
		src.Close()
	}
	data, urls := t.TempDir(), make(chan string, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := Record(ctx, Config{Data: data, Workers: 2}, c, func(Progress) {}, func(ctx context.Context, n *Node) error {
			return RunServer(ctx, Serve{Data: data, Listen: "127.0.0.1:0", Node: n, ImportLimit: 1 << 30, Ready: func(url string) { urls <- url }})
		})
		done <- err
	}()
	url := <-urls
	talk(t, to.LocalAddr().String())
	o := upload(t, url, bytes.NewReader(bundledFile(t, "nginx.pcap")))
	if o.Imported == nil || o.Imported.Packets == 0 {
		t.Fatalf("%+v %+v", o, o.Error)
	}
	if o := upload(t, url, strings.NewReader("no capture")); o.status != 400 {
		t.Errorf("%+v %+v", o, o.Error)
	}
	again := upload(t, url, bytes.NewReader(bundledFile(t, "dns.pcap")))
	talk(t, to.LocalAddr().String())
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	waitFor(t, r, record.KindSession, fmt.Sprintf("port == %d", port), time.Now())
	alone := t.TempDir()
	if _, err := Import(context.Background(), Config{Data: alone}, ReadFiles{Files: []string{"../testdata/nginx.pcap", "../testdata/dns.pcap"}}, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	a, err := OpenReader(alone)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	want, got := idsOf(t, a, "*"), idsOf(t, r, fmt.Sprintf("port != %d", port))
	if len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d sessions, elsewhere %d; imported %+v, %+v", len(got), len(want), o.Imported, again.Imported)
	}
	checkWhole(t, data, nil)
}

// idsOf lists the sessions that pass.
func idsOf(t *testing.T, r *Reader, expr string) (out []string) {
	t.Helper()
	q, err := query.Parse(expr, query.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Records.Search(t.Context(), store.Search{Where: q.Where}, func(rec *record.Record) bool {
		out = append(out, rec.Session.String())
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
