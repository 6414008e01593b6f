package parquet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scalars runs a statement and gives its first column as text.
func scalars(t *testing.T, s *Store, statement string) (out []string, err error) {
	t.Helper()
	rows, err := s.SQL(context.Background(), statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		names, _ := rows.Columns()
		into := make([]any, len(names))
		var x any
		for i := range into {
			into[i] = new(any)
		}
		into[0] = &x
		if err := rows.Scan(into...); err != nil {
			return out, err
		}
		out = append(out, strings.TrimSpace(strings.ReplaceAll(strings.Trim(stringOf(x), "[]"), "  ", " ")))
	}
	return out, rows.Err()
}

func TestSQLReadsRecordsOnly(t *testing.T) {
	c := &crashRun{dir: t.TempDir()}
	if err := c.live(osDisk{}); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := OpenReader(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := scalars(t, s, `SELECT count(*) FROM sessions`)
	if err != nil || len(got) != 1 || got[0] != "120" {
		t.Fatalf("%v %v", got, err)
	}
	for _, good := range []string{"FROM sessions SELECT \"source.ip\"", "WITH x AS (SELECT 1) SELECT * FROM x", "DESCRIBE sessions", "SUMMARIZE sessions",
		"SHOW TABLES", "EXPLAIN SELECT 1", "explain analyze\nselect count(*) from sessions", "SELECT * FROM range(3)", `SELECT max(len("network.protocol")) FROM sessions`} {
		if got, err := scalars(t, s, good); err != nil || len(got) == 0 {
			t.Errorf("%s: %v %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"SELECT * FROM '" + secret + "'",
		"SELECT * FROM read_csv('" + secret + "')",
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM glob('/etc/*')",
		"SELECT * FROM 'https://example.com/x.parquet'",
		"COPY (SELECT 1) TO '" + secret + "'",
		"COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "x.parquet") + "'",
		"COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "session", "x.csv") + "'",
		"ATTACH '" + filepath.Join(c.dir, "x.db") + "'",
		"ATTACH '" + filepath.Join(c.dir, "records", "x.db") + "'",
		"INSTALL httpfs",
		"LOAD httpfs",
		"SET enable_external_access = true",
		"SET lock_configuration = false",
		"SET temp_directory = '/tmp'",
		"EXPORT DATABASE '" + filepath.Join(c.dir, "records", "e") + "'",
		"CREATE TABLE x AS SELECT 1",
		"DROP VIEW sessions",
		"SELECT 1; COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "y.csv") + "'",
		"COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "z.csv") + "'; SELECT 1",
		"PRAGMA enable_profiling; SELECT 1",
		"EXPLAIN COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "v.csv") + "'",
		"EXPLAIN ANALYZE COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "v.csv") + "'",
		"SELECT * FROM enable_logging(storage='file', storage_config={'path': '" + filepath.Join(c.dir, "records", "log") + "'})",
		"SELECT * FROM enable_profiling(save_location='" + filepath.Join(c.dir, "records", "log") + "')",
		"SELECT (SELECT count(*) FROM enable_logging('QueryLog'))",
		"SELECT * FROM query('SELECT * FROM enable_logging()')",
		"WITH x AS (SELECT * FROM read_csv('" + secret + "')) FROM x",
		"SELECT 1 \x00; SELECT 2",
		"PREPARE p AS COPY (SELECT 1) TO '" + filepath.Join(c.dir, "records", "w.csv") + "'; EXECUTE p",
	} {
		if got, err := scalars(t, s, bad); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
	filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".parquet") && !strings.Contains(path, "state") && !strings.Contains(path, "merges") {
			t.Errorf("%s was written", path)
		}
		return nil
	})
}

func stringOf(x any) string {
	if s, ok := x.(string); ok {
		return s
	}
	return fmt.Sprint(x)
}
