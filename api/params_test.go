package api

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 30, 15, 5, time.UTC) // a Saturday
	for s, want := range map[string]string{
		"2026-11-21T08:00:00Z":                "2026-11-21T08:00:00.000000000Z",
		"2026-11-21T08:00:00.123456789Z":      "2026-11-21T08:00:00.123456789Z",
		"2026-11-21T08:00:00.123456789+01:00": "2026-11-21T07:00:00.123456789Z",
		"2026-11-21T08:00:00":                 "2026-11-21T08:00:00.000000000Z",
		"2026-11-21 08:00:01":                 "2026-11-21T08:00:01.000000000Z",
		"2026/11/21 08:00:01":                 "2026-11-21T08:00:01.000000000Z",
		"2026-11-21 08:05":                    "2026-11-21T08:05:00.000000000Z",
		"2026-11-21":                          "2026-11-21T00:00:00.000000000Z",
		"1969-07-20T20:17:40Z":                "1969-07-20T20:17:40.000000000Z",
		"1763712000":                          "2025-11-21T08:00:00.000000000Z",
		"1763712000123":                       "2025-11-21T08:00:00.123000000Z",
		"1763712000123456":                    "2025-11-21T08:00:00.123456000Z",
		"1763712000123456789":                 "2025-11-21T08:00:00.123456789Z",
		"1763712000ns":                        "1970-01-01T00:00:01.763712000Z",
		"0ns":                                 "1970-01-01T00:00:00.000000000Z",
		"-1ns":                                "1969-12-31T23:59:59.999999999Z",
		"now":                                 "2026-11-21T12:30:15.000000005Z",
		" now ":                               "2026-11-21T12:30:15.000000005Z",
		"-15m":                                "2026-11-21T12:15:15.000000005Z",
		"now-1h":                              "2026-11-21T11:30:15.000000005Z",
		"now+1h":                              "2026-11-21T13:30:15.000000005Z",
		"-7d":                                 "2026-11-14T12:30:15.000000005Z",
		"-1d@d":                               "2026-11-20T00:00:00.000000000Z",
		"now@h":                               "2026-11-21T12:00:00.000000000Z",
		"-1h30m":                              "2026-11-21T11:00:15.000000005Z",
		"-1.5h":                               "2026-11-21T11:00:15.000000005Z",
		"now-500ms":                           "2026-11-21T12:30:14.500000005Z",
	} {
		got, err := ParseTime(s, now)
		if err != nil || string(record.AppendTime(nil, got)) != want {
			t.Errorf("%q: %s, want %s (%v)", s, record.AppendTime(nil, got), want, err)
		}
	}
	for _, s := range []string{"", "yesterday", "12", "1e18", "2026-13-01", "2026-11-21T25:00:00Z", "9999-01-01", "0001-01-01", "-", "now-", "--1h", "-1x", "NaN", "-1e400h", "99999999999999999999", "-9223372036854775809ns",
		"now-100000000h", "2020-01-01..2021-01-01", `2020-01-01" || port == "1`, "]", strings.Repeat("1", 1000), "2026-11-21\x00"} {
		if got, err := ParseTime(s, now); err == nil {
			t.Errorf("%q is taken for %s", s, record.AppendTime(nil, got))
		} else if len(err.Error()) > 300 || !strings.Contains(err.Error(), "RFC 3339") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for s, want := range map[string]int64{"1ns": 1, "10s": 1e10, "1m": 6e10, "1.5h": 5400e9, "1d": 86400e9, "0.5d": 43200e9, "2w": 14 * 86400e9} {
		if got, ok := parseSpan(s); !ok || got != want {
			t.Errorf("%q: %d %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "0s", "-1s", "d", "w", "-1d", "NaNd", "Infd", "1e300d", "5", "1y", "1e-20d"} {
		if got, ok := parseSpan(s); ok {
			t.Errorf("%q is taken for %d", s, got)
		}
	}
}

// FuzzParseTime: what is taken can be written as RFC 3339 and read back, and as ns.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"now", "-15m", "2026-11-21T08:00:00.123456789Z", "2026-11-21", "1763712000", "-7d@d", "@w1", "5ns", "-1h30m", "9223372036854775807ns", "2262-04-11T23:47:16.854775807Z", "-292y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTime(s, testNow)
		if err != nil {
			return
		}
		for _, text := range []string{string(record.AppendTime(nil, got)), itoa(int(got)) + "ns"} {
			if back, err := ParseTime(text, testNow); err != nil || back != got {
				t.Errorf("%q is %d; %q is %d (%v)", s, got, text, back, err)
			}
		}
	})
}

// FuzzParseSpan: what is taken is greater than 0 and far from overflowing.
func FuzzParseSpan(f *testing.F) {
	for _, s := range []string{"1d", "1w", "10s", "1e9d", "-1h", "NaNw"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := parseSpan(s); ok && (got <= 0 || got == math.MaxInt64/2) {
			t.Errorf("%q is %d", s, got)
		}
	})
}

// FuzzParams: whatever the query string, the answer is JSON, 200 or 400.
func FuzzParams(f *testing.F) {
	for _, s := range []string{"q=port==80&limit=5", "from=-1h&to=now&bounding=either", "order=source.ip:desc", "columns=source.ip,ip", "by=source.ip&metric=sum(bytes)&interval=auto", "q=|+count+by+port.dst&top=3",
		"q=%zz", "limit=1&limit=2", "token=x", ";", "a=b;c", "interval=1ns&from=1ns&to=9223372036854775807ns", "metric=p99.9(event.duration),count+by+x", "by=source.ip+|+head", "format=json&offset=2147483647"} {
		f.Add(s)
	}
	x := play(f, capture(f, "dns")...)
	srv := serve(f, x).srv
	f.Fuzz(func(t *testing.T, raw string) {
		for _, path := range []string{"/api/search", "/api/aggregate", "/api/query/check", "/api/query/complete"} {
			req := httptest.NewRequest("GET", path, nil)
			req.URL.RawQuery = raw
			req.Header.Set("Authorization", "Bearer "+testToken)
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, req)
			isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json")
			if w.Code != 200 && w.Code != 400 || isJSON && !json.Valid(w.Body.Bytes()) || w.Code == 400 && !isJSON {
				t.Errorf("%s?%s: %d %s", path, raw, w.Code, w.Body)
			}
		}
	})
}

// FuzzCells: a table reads back as it was, but for the line ends that package csv makes alike.
func FuzzCells(f *testing.F) {
	for _, s := range hostile[:8] {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\r\n") {
			return
		}
		line := append(appendCell(append(appendCell(nil, a), ','), b), '\n')
		rows, err := csv.NewReader(strings.NewReader(string(line))).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][0] != a || rows[0][1] != b {
			t.Errorf("%q, %q as %q: %q %v", a, b, line, rows, err)
		}
	})
}
