package saved

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/internal/datadir"
)

// Bounds of a collection.
const (
	MaxName   = 200      // bytes
	MaxValue  = 64 << 10 // bytes of JSON, without white space
	MaxItems  = 500
	maxRecent = 100
)

// The collections.
const (
	Views   = "views"   // {"q": expression, ...}; expressions name them: view == NAME
	Columns = "columns" // of tables
	Recent  = "recent"  // queries
)

// Collections are those there are.
var Collections = []string{Views, Columns, Recent}

// Errors that callers branch on.
var (
	ErrCollection = errors.New("there is no such collection; there are " + strings.Join(Collections, ", "))
	ErrName       = fmt.Errorf("a name has 1 to %d bytes of text without control characters", MaxName)
	ErrValue      = fmt.Errorf("what is saved is a JSON object of at most %d bytes", MaxValue)
	ErrFull       = fmt.Errorf("there are %d already: remove some first", MaxItems)
	ErrNotFound   = errors.New("nothing of that name is saved")
)

// Item is one thing that is saved.
type Item struct {
	Name    string          `json:"name"`
	Changed time.Time       `json:"changed"`
	Value   json.RawMessage `json:"value"`
}

// Store is the saved things of a data directory. It is safe for concurrent use, by several processes.
type Store struct {
	dir string
	now func() time.Time
}

// Open gives the saved things of a data directory whose state folder is state. Nothing is created before something is
// saved.
func Open(state string) *Store { return &Store{filepath.Join(state, "saved"), time.Now} }

// Writable says whether this process may save things.
func (s *Store) Writable() bool {
	for dir := s.dir; ; dir = filepath.Dir(dir) {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err == nil
		}
	}
}

// collection is the content of a file.
type collection struct {
	Items []Item `json:"items"`
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name+".json") }

// List gives a collection, newest first.
func (s *Store) List(name string) ([]Item, error) {
	if !slices.Contains(Collections, name) {
		return nil, ErrCollection
	}
	b, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return []Item{}, nil
	}
	var c collection
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("saved %s: %w (remove %s to begin anew)", name, err, s.path(name))
	}
	if c.Items == nil {
		c.Items = []Item{}
	}
	return c.Items, nil
}

// Get gives one item.
func (s *Store) Get(name, item string) (Item, error) {
	all, err := s.List(name)
	if err != nil {
		return Item{}, err
	}
	if i := find(all, item); i >= 0 {
		return all[i], nil
	}
	return Item{}, ErrNotFound
}

func find(all []Item, name string) int {
	return slices.IndexFunc(all, func(x Item) bool { return x.Name == name })
}

// Put saves a value, in place of the one that had its name.
func (s *Store) Put(name, item string, value json.RawMessage) error {
	if !validName(item) {
		return ErrName
	}
	value, err := compact(value)
	if err != nil {
		return err
	}
	return s.change(name, func(all []Item) ([]Item, error) {
		if i := find(all, item); i >= 0 {
			all = slices.Delete(all, i, i+1)
		}
		if name == Recent && len(all) >= maxRecent {
			all = all[:maxRecent-1]
		}
		if len(all) >= MaxItems {
			return nil, ErrFull
		}
		return slices.Insert(all, 0, Item{item, s.now().UTC(), value}), nil
	})
}

// Remove forgets an item.
func (s *Store) Remove(name, item string) error {
	return s.change(name, func(all []Item) ([]Item, error) {
		i := find(all, item)
		if i < 0 {
			return nil, ErrNotFound
		}
		return slices.Delete(all, i, i+1), nil
	})
}

// validName says whether people can read and type a name.
func validName(s string) bool {
	return s != "" && len(s) <= MaxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// compact is a JSON object without white space.
func compact(value json.RawMessage) (json.RawMessage, error) {
	var o map[string]json.RawMessage
	if len(value) > 2*MaxValue || json.Unmarshal(value, &o) != nil || o == nil {
		return nil, ErrValue
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil || b.Len() > MaxValue {
		return nil, ErrValue
	}
	return b.Bytes(), nil
}

// change replaces a collection by what do makes of it, while no one else does.
func (s *Store) change(name string, do func([]Item) ([]Item, error)) error {
	if !slices.Contains(Collections, name) {
		return ErrCollection
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	defer lock.Close() // which unlocks
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return fmt.Errorf("save: lock %s: %w", lock.Name(), err)
	}
	all, err := s.List(name)
	if err == nil {
		all, err = do(all)
	}
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err = enc.Encode(collection{all}); err == nil {
		err = datadir.ReplaceFile(s.path(name), b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

// View is the expression of a view, as query.Options wants it.
func (s *Store) View(name string) (text string, ok bool) {
	item, err := s.Get(Views, name)
	if err != nil {
		return "", false
	}
	return Expression(item.Value)
}

// Expression is what a saved view says: its member q.
func Expression(value json.RawMessage) (text string, ok bool) {
	var v struct{ Q *string }
	if json.Unmarshal(value, &v) != nil || v.Q == nil {
		return "", false
	}
	return *v.Q, true
}
