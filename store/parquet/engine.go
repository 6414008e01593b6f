package parquet

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/record"
)

// engine is a DuckDB instance in memory that reads record files. It loads no extensions and reaches no network.
type engine struct {
	db *sql.DB
}

// openEngine starts an instance that takes up to memory bytes and spills what does not fit into folder temp, which it
// makes when it needs it; without a folder it does not spill.
func openEngine(memory int64, temp string) (*engine, error) {
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start duckdb: %w", err)
	}
	e := &engine{db: sql.OpenDB(c)}
	for _, s := range []string{
		"SET threads = " + strconv.Itoa(runtime.NumCPU()),
		"SET memory_limit = '" + strconv.FormatInt(memory>>10, 10) + "KiB'",
		"SET temp_directory = " + quote(temp),
		"SET preserve_insertion_order = false", // nothing here relies on it, and it costs memory
		// Both caches save some 5 % of a question and hold on to memory: 180 kB for each small file ever asked, and the
		// bytes of files, which the page cache has too.
		"SET parquet_metadata_cache = false",
		"SET enable_external_file_cache = false",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		"SET enable_progress_bar = false",
	} {
		if _, err := e.db.Exec(s); err != nil {
			e.Close()
			return nil, fmt.Errorf("start duckdb: %s: %w", s, err)
		}
	}
	if err := e.register(); err != nil {
		e.Close()
		return nil, fmt.Errorf("start duckdb: %w", err)
	}
	return e, nil
}

// Close ends the instance.
func (e *engine) Close() error { return e.db.Close() }

// register gives SQL the functions that need more than SQL.
func (e *engine) register() error {
	conn, err := e.db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	types := make([]duckdb.TypeInfo, 3)
	for i, t := range []duckdb.Type{duckdb.TYPE_UUID, duckdb.TYPE_BIGINT, duckdb.TYPE_VARCHAR} {
		if types[i], err = duckdb.NewTypeInfo(t); err != nil {
			return err
		}
	}
	uuid, number, text := types[0], types[1], types[2]
	for name, f := range map[string]sqlFunc{
		"community_id": {[]duckdb.TypeInfo{uuid, uuid, number, number, number}, text, communityFunc},
		"ip_text":      {[]duckdb.TypeInfo{uuid}, text, addrFunc},
		"id_text":      {[]duckdb.TypeInfo{uuid}, text, idFunc},
	} {
		if err := duckdb.RegisterScalarUDF(conn, name, f); err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
	}
	return nil
}

// sqlFunc is a function for SQL; NULL gives NULL.
type sqlFunc struct {
	in  []duckdb.TypeInfo
	out duckdb.TypeInfo
	f   duckdb.RowExecutorFn
}

func (f sqlFunc) Config() duckdb.ScalarFuncConfig {
	return duckdb.ScalarFuncConfig{InputTypeInfos: f.in, ResultTypeInfo: f.out}
}

func (f sqlFunc) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: f.f}
}

var errArgument = errors.New("unexpected type of an argument")

// uuidArg is an argument of type UUID.
func uuidArg(v driver.Value) (out [16]byte, err error) {
	switch v := v.(type) {
	case []byte:
		if len(v) == 16 {
			return [16]byte(v), nil
		}
	case duckdb.UUID:
		return v, nil
	}
	return out, fmt.Errorf("%w: %T", errArgument, v)
}

func communityFunc(v []driver.Value) (any, error) {
	src, err1 := uuidArg(v[0])
	dst, err2 := uuidArg(v[1])
	sport, ok1 := v[2].(int64)
	dport, ok2 := v[3].(int64)
	proto, ok3 := v[4].(int64)
	if !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil {
		return nil, errArgument
	}
	return string(communityid.Append(nil, record.Addr(src), record.Addr(dst), uint16(sport), uint16(dport), uint8(proto))), nil
}

func addrFunc(v []driver.Value) (any, error) {
	a, err := uuidArg(v[0])
	return record.Addr(a).String(), err
}

func idFunc(v []driver.Value) (any, error) {
	id, err := uuidArg(v[0])
	return record.ID(id).String(), err
}

// scanner is a row of an answer.
type scanner interface{ Scan(into ...any) error }

// each runs a statement and hands each row to f. It stops when ctx ends, and the work in DuckDB with it.
func (e *engine) each(ctx context.Context, statement string, f func(scanner) error) error {
	rows, err := e.db.QueryContext(ctx, statement)
	if err == nil {
		for rows.Next() && err == nil {
			err = f(rows)
		}
		if e := rows.Err(); err == nil {
			err = e
		}
		rows.Close()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("duckdb: %w", err)
}

// tempFolder is a place for an instance of this process to spill to.
func tempFolder(dir string) string {
	return filepath.Join(dir, "tmp", "duckdb-"+strconv.Itoa(os.Getpid()))
}
