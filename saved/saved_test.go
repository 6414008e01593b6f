package saved

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func names(t *testing.T, s *Store, collection string) (out []string) {
	t.Helper()
	all, err := s.List(collection)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		out = append(out, x.Name+"="+string(x.Value))
	}
	return out
}

func put(t *testing.T, s *Store, collection, name, value string) {
	t.Helper()
	if err := s.Put(collection, name, json.RawMessage(value)); err != nil {
		t.Fatalf("%s/%s: %v", collection, name, err)
	}
}

func TestSaved(t *testing.T) {
	state := t.TempDir()
	s := Open(state)
	if got := names(t, s, Views); len(got) != 0 {
		t.Errorf("nothing is saved: %v", got)
	}
	if entries, _ := os.ReadDir(state); len(entries) != 0 {
		t.Error("reading created something")
	}
	put(t, s, Views, "slow", ` { "q" : "event.duration > 1s" } `)
	put(t, s, Views, "../äöü \u202e/\"<b>", `{"q":"x"}`)
	put(t, s, Views, "slow", `{"q":"event.duration > 2s","a":"<&>"}`)
	want := `[slow={"q":"event.duration > 2s","a":"<&>"} ../äöü ` + "\u202e" + `/"<b>={"q":"x"}]`
	if got := fmt.Sprint(names(t, Open(state), Views)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text, ok := s.View("slow"); !ok || text != "event.duration > 2s" {
		t.Errorf("%q %v", text, ok)
	}
	if _, ok := s.View("fast"); ok {
		t.Error("a view that is not there")
	}
	put(t, s, Columns, "slow", `{}`)
	if err := s.Remove(Views, "slow"); err != nil {
		t.Error(err)
	}
	if err := s.Remove(Views, "slow"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if got := names(t, s, Columns); len(got) != 1 {
		t.Errorf("the other collection: %v", got)
	}
	entries, _ := os.ReadDir(filepath.Join(state, "saved"))
	for _, e := range entries {
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 || strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s %v", e.Name(), info.Mode())
		}
	}
}

func TestRefused(t *testing.T) {
	s := Open(t.TempDir())
	for _, x := range []struct {
		collection, name, value string
		want                    error
	}{
		{"nothing", "a", "{}", ErrCollection}, {"../views", "a", "{}", ErrCollection}, {Views, "", "{}", ErrName}, {Views, "a\x00", "{}", ErrName}, {Views, "\xff", "{}", ErrName},
		{Views, strings.Repeat("x", MaxName+1), "{}", ErrName}, {Views, "a", "[]", ErrValue}, {Views, "a", "null", ErrValue}, {Views, "a", `{"a":1`, ErrValue}, {Views, "a", `"x"`, ErrValue},
		{Views, "a", `{"a":"` + strings.Repeat("x", MaxValue) + `"}`, ErrValue},
	} {
		if err := s.Put(x.collection, x.name, json.RawMessage(x.value)); !errors.Is(err, x.want) {
			t.Errorf("%s/%.20q %.20s: %v, want %v", x.collection, x.name, x.value, err, x.want)
		}
	}
	if _, err := s.List("nothing"); !errors.Is(err, ErrCollection) {
		t.Error(err)
	}
}

func TestBounds(t *testing.T) {
	s := Open(t.TempDir())
	for i := range MaxItems {
		put(t, s, Columns, fmt.Sprint(i), "{}")
	}
	if err := s.Put(Columns, "one more", json.RawMessage("{}")); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	put(t, s, Columns, "0", `{"again":true}`)
	for i := range maxRecent + 50 {
		put(t, s, Recent, fmt.Sprint(i), "{}")
	}
	if got := names(t, s, Recent); len(got) != maxRecent || got[0] != fmt.Sprintf("%d={}", maxRecent+49) {
		t.Errorf("%d recent ones, the newest is %s", len(got), got[0])
	}
}

// Several processes may save at the same time; here, several stores.
func TestConcurrent(t *testing.T) {
	state := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := Open(state)
			for k := range 10 {
				if err := s.Put(Views, fmt.Sprint(i, "-", k), json.RawMessage(`{"q":""}`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := names(t, Open(state), Views); len(got) != 80 {
		t.Errorf("%d are saved, want 80", len(got))
	}
}

func TestDamaged(t *testing.T) {
	state := t.TempDir()
	s := Open(state)
	put(t, s, Views, "a", "{}")
	path := s.path(Views)
	os.WriteFile(path, []byte("{"), 0o600)
	if _, err := s.List(Views); err == nil || !strings.Contains(err.Error(), "remove "+path) {
		t.Errorf("%v", err)
	}
	if err := s.Put(Views, "b", json.RawMessage("{}")); err == nil {
		t.Error("a damaged file was replaced")
	}
	if !s.Writable() || !Open(filepath.Join(state, "deep", "er")).Writable() {
		t.Error("one's own directory can be written")
	}
}
