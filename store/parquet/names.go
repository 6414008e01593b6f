package parquet

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/record"
)

// A record file's name says what a reader must know to pass it over:
//
//	DATA/records/session/20261121/08/whole_20261121T080000.002439287_20261121T080004.100000000_20261121T080312.050080306_60000_k3f9a-1.parquet
//
// class, first and last start, greatest end, rows, and a tag that makes it unique: the run of the writer and a number.
// The folder is the hour of the starts. Names that begin with a dot are being written.
type fileName struct {
	kind  record.Kind
	hour  int64 // ns; start of the hour of the folder
	parts bool  // class "parts": rows of sessions that have, or may get, several
	start int64 // first start, ns
	last  int64 // last start, ns
	end   int64 // greatest end, ns
	rows  int64
	tag   string
}

const (
	hourNS     = int64(time.Hour)
	stamp      = "20060102T150405.000000000"
	hourStamp  = "20060102" + string(filepath.Separator) + "15"
	tmpPrefix  = ".tmp-"
	fileSuffix = ".parquet"
)

func hourOf(t int64) int64 {
	h := t / hourNS
	if t%hourNS < 0 {
		h--
	}
	return h * hourNS
}

// folder is the path of the file's hour folder below DATA/records.
func (n *fileName) folder() string {
	return filepath.Join(n.kind.String(), time.Unix(0, n.hour).UTC().Format(hourStamp))
}

// base is the name within the folder.
func (n *fileName) base() string {
	class := "whole"
	if n.parts {
		class = "parts"
	}
	return fmt.Sprintf("%s_%s_%s_%s_%d_%s%s", class, formatStamp(n.start), formatStamp(n.last), formatStamp(n.end), n.rows, n.tag, fileSuffix)
}

func formatStamp(t int64) string { return time.Unix(0, t).UTC().Format(stamp) }

// parseName reads the name of a record file; ok is false for any other file.
func parseName(kind record.Kind, hour int64, base string) (n fileName, ok bool) {
	rest, ok := strings.CutSuffix(base, fileSuffix)
	p := strings.Split(rest, "_")
	if !ok || len(p) != 6 || p[0] != "whole" && p[0] != "parts" || p[5] == "" {
		return n, false
	}
	n = fileName{kind: kind, hour: hour, parts: p[0] == "parts", tag: p[5]}
	for i, t := range []*int64{&n.start, &n.last, &n.end} {
		x, err := time.Parse(stamp, p[1+i])
		if err != nil {
			return n, false
		}
		*t = x.UnixNano()
	}
	n.rows, ok = parseRows(p[4])
	return n, ok
}

func parseRows(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}

// parseHour reads the path of an hour folder below a kind's: "20261121/08".
func parseHour(path string) (int64, bool) {
	t, err := time.Parse(hourStamp, path)
	return t.UnixNano(), err == nil
}
