package query

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
)

// sampleRecord is an HTTP session with a bit of everything, or a record of another kind.
func sampleRecord(kind record.Kind) *record.Record {
	start := time.Date(2026, 11, 21, 0, 30, 0, 5, time.UTC).UnixNano()
	r := &record.Record{Kind: kind, Start: start, End: start + 1_500_000_000, Part: 2, Final: true}
	_, r.ID, _ = record.ParseID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	r.Session = r.ID
	text := func(name string, values ...string) {
		for _, v := range values {
			r.Values.AddString(record.MustID(name), v)
		}
	}
	num := func(name string, values ...int64) {
		for _, v := range values {
			r.Values.AddInt(record.MustID(name), v)
		}
	}
	addr := func(name string, values ...string) {
		for _, v := range values {
			r.Values.AddAddr(record.MustID(name), record.AddrFrom(netip.MustParseAddr(v)))
		}
	}
	if kind == record.KindSysEvent {
		text("proc.name", "httpd")
		text("fd.name", "/etc/passwd")
		text("evt.type", "openat")
		num("evt.latency", 2_000_000)
		num("evt.is_io_read", 1)
		addr("fd.cip", "10.1.1.1")
		addr("fd.sip", "10.2.2.2")
		num("fd.sport", 80)
		r.Values.AddFloat(record.MustID("thread.cpu"), 12.5)
		return r
	}
	text("network.protocol", "tcp", "http", "socks")
	text("url.domain", "www.example.com", "cdn.example.org")
	text("http.uri", "www.example.com/wp-login.php?u=1")
	text("user_agent.original", "Mozilla/5.0 (X11; Linux) Straße_7")
	text("http.request.method", "GET", "POST")
	text("source.mac", "00:11:22:AA:bb:cc")
	text("source.payload8", "474554202f206874")
	text("user.name", "Root")
	text("tags", "a,b", "bad*", `c\d`, "líne\nfeed")
	num("http.response.status_code", 200, 404)
	num("network.iana_number", 6)
	num("source.port", 51512)
	num("destination.port", 80)
	num("network.bytes", 1500)
	num("event.duration", 1_500_000_000)
	num("network.vlan.id", 5, 7)
	addr("source.ip", "10.0.0.1")
	addr("destination.ip", "2001:db8::5")
	addr("dns.resolved_ip", "203.0.113.7", "8.8.8.8")
	return r
}

func TestMatches(t *testing.T) {
	cases := map[string][2][]string{ // kind: true, false
		"session": {{
			// addresses, one value and sets
			`ip == 10.0.0.1`, `ip == 8.8.8.8`, `ip.src == 10.0.0.0/8`, `ip.src == 10`, `ip.dst == ipv6`, `ip.dst == 2001:db8`, `ip.src != ipv6`, `ip != 9.9.9.9`,
			`ip.dns == ]8.8.8.8, 203.0.113.0/24[`, `ip == ]10.0.0.1, 8.8.8.8[`, `ip.dst == ::/0`, `ip.src < 10.0.0.2`, `ip.src >= 10.0.0.1`, `ip.dst > 2001::`,
			`ip.src == 10.0.0.0-10.0.0.9`, `ip.src == [1.1.1.1, 10.0.0.1]`, `ip.dst != ipv4`,
			// address and port of one end
			`ip == 10.0.0.1:51512`, `ip == 2001:db8::5.80`, `ip == :80`, `ip.dst == :http`, `ip != 10.0.0.1:80`, `ip.src == 10:51000-52000`,
			// numbers
			`port == 80`, `port == http`, `port == [1, 50000-60000]`, `port != 81`, `port.dst < 81`, `port.dst >= 80`, `http.statuscode == 400-499`,
			`http.statuscode == ]200, 404[`, `http.statuscode != 500`, `ip.protocol == tcp`, `vlan == 5`, `bytes == 1.5KB`, `bytes > 1KiB`, `duration == 1.5s`, `duration < 2s`,
			`session.part == 2`, `session.final == true`,
			// text
			`protocols == http`, `protocols == HTTP`, `protocols == ]http, socks[`, `protocols == ]h*p, /s.*/[`, `protocols != dns`, `host == *.example.com`, `host == www.example.com/x`,
			`host.http == /.*\.(org|ru)/`, `http.uri == http://www.example.com/wp-login.php*`, `http.uri contains wp-login`, `http.uri icontains WP-LOGIN`, `http.uri startswith www.`,
			`http.uri endswith "u=1"`, `http.uri == "*\?u=1"`, `http.method == P?ST`, `http.method in (PUT, GET)`, `tags == "bad\*"`, `tags == "bad*"`, `tags == "c\\d"`, `tags == "a,b"`,
			`tags == "l?ne?feed"`, `tags == /l.ne.feed/`, `mac == 00-11-22-aa-BB-CC`, `user == root`, `user == ROOT`, `tags == [x, a\,b]`, `http.uri pmatch (www.example.com)`,
			// words
			`http.user-agent.tokens == mozilla`, `http.user-agent.tokens == "x11 LINUX"`, `http.user-agent.tokens == "5 0"`, `http.user-agent.tokens == Straße_7`, `http.user-agent.tokens == Moz*7`,
			`http.user-agent.tokens != "linux x11"`, `host.http.tokens == "example org"`,
			// payload
			`payload8.src.utf8 == "GET / ht"`, `payload8.src.utf8 == "GET*"`, `payload8.utf8 contains "/ h"`, `payload8.hex == 474554*`, `payload8.utf8 startswith GET`,
			// times and ids
			`starttime == 2026/11/21`, `starttime == "2026/11/21 00:30"`, `starttime < now`, `starttime > "2026/11/21 00:30:00"`, `starttime >= -1h`, `stoptime > 2026/11/21`,
			`id == 01ARZ3NDEKTSV4RRFFQ69G5FAV`, `id == n1-01ARZ3NDEKTSV4RRFFQ69G5FAV`, `rootId == 01arz3ndektsv4rrffq69g5fav`, `event.kind == session`, `node == n1`, `node == n*`, `node != n2`,
			// presence, negation and logic
			`tags exists`, `tags == *`, `ip.xff != EXISTS!`, `not ip.xff exists`, `ip.xff != 1.2.3.4`, `!(protocols == dns)`, `protocols == dns || port == 80 && bytes > 5`, `*`, `id exists`,
			`dns.status != NXDOMAIN`, `session.final exists`,
		}, {
			`ip == 9.9.9.9`, `ip != 8.8.8.8`, `ip.src == ipv6`, `ip.dns == ]8.8.8.8, 1.1.1.1[`, `ip.src < 10.0.0.1`, `ip.dst == ipv4`, `ip.dst < 255.255.255.255`, `ip.xff == *`,
			`ip == 10.0.0.1:80`, `ip == 8.8.8.8:80`, `ip.src == :80`, `port == 81`, `port != 80`, `http.statuscode != 404`, `http.statuscode == ]200, 500[`, `bytes > 1500`, `port.dst < 80`,
			`duration > 1.5s`, `protocols == ]http, dns[`, `protocols != http`, `protocols == ttp`, `host == *.example.net`, `host.http == /example/`, `http.uri contains WP-LOGIN`,
			`http.method == get`, `tags == "bad\?"`, `tags == "a"`, `http.user-agent.tokens == "linux x11"`, `http.user-agent.tokens == moz`, `http.user-agent.tokens == "mozilla 7"`,
			`payload8.src.utf8 == "GET"`, `payload8.utf8 contains "\x45"`, `payload8.dst.utf8 == GET*`, `starttime == 2026/11/20`, `starttime > now`, `starttime < "2026/11/21 00:30:00"`, `starttime == "2026/11/21 00:31"`,
			`id == 01ARZ3NDEKTSV4RRFFQ69G5FA0`, `id == n2-01ARZ3NDEKTSV4RRFFQ69G5FAV`, `node == n2`, `event.kind == transaction`, `session.final == false`, `tags != EXISTS!`, `!*`,
			`port == 80 && protocols == dns`, `ip.xff == 1.2.3.4`, `http.uri pmatch (www.example)`, `payload8.utf8 contains U`, `id != EXISTS!`,
		}},
		"transaction": {{`ip == 10.0.0.1`, `session.id exists`, `protocols == http`}, {`session.id != EXISTS!`, `related.ip == 10.0.0.1`}},
		"sysevent": {{
			`proc.name=httpd and fd.cip=10.1.1.1`, `fd.ip=10.2.2.2`, `fd.ip=10.2.2.2:80`, `fd.port=http`, `fd.name pmatch (/etc, /usr)`, `fd.name=/etc/passwd`, `fd.name pmatch (/)`,
			`evt.latency > 1ms`, `evt.is_io_read=true`, `evt.type in (open, openat) and not fd.name startswith /proc`, `thread.cpu > 12.4`, `thread.cpu == 12.5`, `thread.cpu == 12-13`,
			`thread.cpu <= 12.5 and thread.cpu >= 12.5`, `fd.name glob *pass*`, `evt.is_io_write != true`,
		}, {
			`fd.name pmatch (/et)`, `fd.ip=10.1.1.1:80`, `evt.latency < 2ms`, `thread.cpu < 12.5`, `thread.cpu > 12.5`, `evt.is_io_read=false`, `fd.name matches passwd`, `user.name exists`,
		}},
	}
	for name, c := range cases {
		kind, _ := record.ParseKind(name)
		r := sampleRecord(kind)
		for i, want := range []bool{true, false} {
			for _, text := range c[i] {
				q, err := Parse(text, testOptions(kind))
				if err != nil {
					t.Errorf("%s: %v", text, err)
					continue
				}
				if got := matches(q.Where, r, "n1"); got != want {
					t.Errorf("%s: Matches gives %v for %s", name, got, text)
				}
				if got := CompileNode(q.Where, "n1")(r); got != want {
					t.Errorf("%s: CompileNode gives %v for %s", name, got, text)
				}
			}
		}
	}
}

// Long lists are looked up; the answers must be those of trying one after the other.
func TestLongLists(t *testing.T) {
	var ports, addrs, names, ids []string
	for i := range 300 {
		ids = append(ids, record.ID{byte(i * 3), byte(i % 7)}.String())
		ports = append(ports, fmt.Sprintf("%d-%d", i*200, i*200+i%7))
		addrs = append(addrs, fmt.Sprintf("10.%d.0.0/%d", i%256, 14+i%10), fmt.Sprintf("2001:db8:%x::/48", i*3))
		names = append(names, fmt.Sprintf("host%d.example", i*2))
	}
	where := func(text string) Expr {
		q, err := Parse(text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return q.Where
	}
	exprs := []Expr{
		where("port.dst == [" + strings.Join(ports, ",") + "]"), where("ip.src == [" + strings.Join(addrs, ",") + "]"),
		where("host.http == [" + strings.Join(names, ",") + ",/x[0-9]+/]"), where("port.dst == [5-1000, 7-9" + strings.Repeat(", 3", 9) + ", -5, 900-1001]"),
		where("id == [" + strings.Join(ids, ",") + "]"),
	}
	yes := 0
	for i := range 2000 {
		r := &record.Record{ID: record.ID{byte(i), byte(i % 7)}}
		r.Values.AddInt(record.MustID("destination.port"), int64(i*37%61000-8))
		ip := netip.AddrFrom4([4]byte{10, byte(i), byte(i % 3), 1})
		if i%2 == 0 {
			ip = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::1", i))
		}
		r.Values.AddAddr(record.MustID("source.ip"), record.AddrFrom(ip))
		r.Values.AddString(record.MustID("url.domain"), fmt.Sprintf("host%d.example", i))
		for _, e := range exprs {
			got, want := Compile(e)(r), Matches(e, r)
			if got != want {
				t.Fatalf("record %d: Compile %v, Matches %v for %s", i, got, want, Print(e, 0))
			}
			if got {
				yes++
			}
		}
	}
	if yes < 500 {
		t.Errorf("only %d of 10000 tests pass", yes)
	}
}

func TestMatchesDoesNotAllocate(t *testing.T) {
	r := sampleRecord(record.KindSession)
	for _, text := range []string{
		`ip.src == 10.0.0.0/8 && port.dst == 443 || protocols == http`, `host == *.example.com && http.uri contains wp-login`, `id == n1-01ARZ3NDEKTSV4RRFFQ69G5FAV && node == n1`,
		`http.user-agent.tokens == "x11 linux" && starttime > -2h`, `tags == ]a\,b, bad*[ && http.uri icontains LOGIN`, `event.kind == session && ip == 10.0.0.1:51512`,
	} {
		q, err := Parse(text, testOptions(record.KindSession))
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { matches(q.Where, r, "n1") }); n != 0 {
			t.Errorf("Matches allocates %v times, want 0: %s", n, text)
		}
	}
	q, _ := Parse(`host.http == *.org && ip.src == [10.0.0.1, 1, 2, 3, 4, 5, 6, 7, 8, 9] && tags == [a,b,c,d,e,f,g,h,i,"a,b"]`, Options{})
	pass := Compile(q.Where)
	if n := testing.AllocsPerRun(100, func() { pass(r) }); n != 0 || !pass(r) {
		t.Errorf("a compiled query allocates %v times, want 0; passes: %v", n, pass(r))
	}
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"*", "", true}, {"?", "", false}, {"a*b*c", "a--b--b--c", true}, {"a*b*c", "a--b--c-", false}, {"*ab", "aab", true}, {"*a?", "aab", true},
		{`\*`, "*", true}, {`\*`, "a", false}, {`*\?`, "what?", true}, {`\\*`, `\x`, true}, {"?", "é", true}, {"??", "é", false}, {"é?", "éü", true},
		{"?", "\xff", true}, {"*\xff", "a\xff", true}, {"a**b", "ab", true}, {"**", "x", true}, {strings.Repeat("*a", 50), strings.Repeat("a", 49), false}, {"日*語", "日本語", true},
	} {
		if got := Glob(c.pattern, c.text); got != c.want {
			t.Errorf("Glob(%q, %q) = %v", c.pattern, c.text, got)
		}
		if got := matchWildcard(c.pattern, []byte(c.text)); got != c.want {
			t.Errorf("matchWildcard(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for text, want := range map[string]string{
		"Mozilla/5.0 (X11)": "mozilla 5 0 x11", "a_b-c": "a_b c", "--": "", "Straße 7": "straße 7", "É": "É",
	} {
		if got := strings.Join(SplitWords(text), " "); got != want {
			t.Errorf("SplitWords(%q) = %q, want %q", text, got, want)
		}
	}
}

// A hand-made test that no single text says prints as one that means the same.
func TestPrintSpreads(t *testing.T) {
	f, _ := record.Lookup("tags")
	mixed := &Test{Field: f, Match: []Matcher{Text("a"), Substring{S: "b"}, IntRange{1, 2}}}
	if got, want := Print(Not{mixed}, 0), `!(tags == a || tags contains b || tags == 1-2)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	n, _ := record.Lookup("source.port")
	if got, want := Print(&Test{Field: n, Match: []Matcher{IntRange{math.MinInt64, 5}, IntRange{7, math.MaxInt64}}}, 0),
		"source.port == [-9223372036854775808-5, 7-9223372036854775807]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Print(nil, 0); got != "" {
		t.Errorf("nothing prints as %q", got)
	}
}

func checkTokens(t *testing.T, text string) {
	t.Helper()
	at := 0
	for _, k := range Tokens(text) {
		if k.From < at || k.To <= k.From || k.To > len(text) || k.Class == "" {
			t.Fatalf("tokens of %q: %v", text, Tokens(text))
		}
		at = k.To
	}
}
