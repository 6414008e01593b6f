package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// Each text is completed at the ^, or at its end: the first answers must be these, and none of those behind "not:".
func TestComplete(t *testing.T) {
	o := Options{Values: func(field, prefix string) (out []string) {
		for _, v := range map[string][]string{"network.protocol": {"http", "http2", "dns"}, "user_agent.original": {"curl/8.5.0 (x)"}, "view": {"myview"}}[field] {
			if strings.HasPrefix(v, prefix) {
				out = append(out, v)
			}
		}
		return out
	}}
	for _, c := range []struct{ text, want, not string }{
		{"", "tags ip port", "evt.type client.ip"},
		{"ip.s", "ip.src ip.socks", "evt.type"},
		{"source.i", "source.ip", ""},
		{"sour", "source.ip source.bytes source.dscp", "event.start"},
		{"sta", "starttime", "client.ip"},
		{"useragent", "http.useragent http.useragentTokens quic.useragent", ""},
		{"vie", "view", ""},
		{"us", "user", ""},
		{"n", "node", ""},
		{"no", "not node", ""},
		{"port == 80 && pro", "protocols", "not"},
		{"(pro", "protocols", ""},
		{"!pro", "protocols", ""},
		{"port == 80 && pro^tocolsX == x", "protocols", ""},
		{"port ", "== != < <= > >= in exists", "contains"},
		{"port >", "", "=="},
		{"tags ", "== != in contains", "<"},
		{"tags st", "startswith", "contains"},
		{"session.final ", "== != exists", "<"},
		{"tcp ", "", ""},
		{"protocols == ", "http http2 dns EXISTS!", ""},
		{"protocols == h", "http http2", "dns"},
		{"protocols == [dns, h", "http http2", "dns"},
		{"protocols == ]h", "http http2", "dns"},
		{"protocols in (", "http http2 dns", "EXISTS!"},
		{"protocols == h^ttp2 && port == 80", "http http2", ""},
		{`http.user-agent == c`, `"curl/8.5.0 (x)"`, ""},
		{`http.user-agent == "cu`, `"curl/8.5.0 (x)"`, ""},
		{"view == ", "myview", ""},
		{"session.final == t", "true", "false"},
		{"ip == i", "ipv4 ipv6", ""},
		{"starttime > ", "now -1h", ""},
		{"ip.protocol == icm", "icmp icmpv6", "tcp"},
		{"port == 80 ", "&& || and or |", ""},
		{"port == 80 a", "and", "or"},
		{"port == [80] ", "&& ||", ""},
		{"port == 80 |", "top count stats timechart sort head fields", ""},
		{"port == 80 | ", "top count", ""},
		{"port == 80 | t", "top timechart", "count"},
		{"port == 80 || tag", "tags", "top"},
		{"| ", "top count", "ip.src"},
		{"| top 10 ", "tags asset event.id", "ip host view user"},
		{"| top 10 source.ip ", "by |", ""},
		{"| top 10 source.ip b", "by", "|"},
		{"| top 10 source.ip by ", "count sum( avg(", ""},
		{"| top 10 source.ip by p9", "p90( p95( p99(", "p50("},
		{"| top 10 source.ip by sum(by", "bytes", "tags"},
		{"| count by ", "tags asset event.id", "ip"},
		{"| timechart ", "1s 1m by count sum(", ""},
		{"| timechart 1m ", "by", ""},
		{"| sort starttime ", "asc desc |", ""},
		{"| sort co", "count cookieX", ""},
		{"port == 80 | head 5 | fi", "fields", ""},
	} {
		text, rest, at := strings.Cut(c.text, "^")
		pos := len(text)
		got := Complete(text+rest, pos, o)
		var texts []string
		for _, g := range got {
			texts = append(texts, g.Text)
			if g.From > pos || g.To < pos || at && g.To == pos {
				t.Errorf("%q: %+v does not cover the word at the cursor", c.text, g)
			}
		}
		i := 0
		for _, w := range strings.Fields(strings.ReplaceAll(c.want, "8.5.0 (x)", "8.5.0_(x)")) {
			w = strings.ReplaceAll(w, "_(x)", " (x)")
			if strings.HasSuffix(w, "X") {
				continue
			}
			j := slices.Index(texts[min(i, len(texts)):], w)
			if j < 0 {
				t.Errorf("%q: %s is not offered, or too late, in %v", c.text, w, texts)
				break
			}
			i += j + 1
		}
		if c.want != "" && len(texts) > 0 && !strings.HasPrefix(c.want, texts[0]) && pos > 1 {
			t.Errorf("%q: %s comes first, want %s", c.text, texts[0], c.want)
		}
		for _, w := range strings.Fields(c.not) {
			if slices.Contains(texts, w) {
				t.Errorf("%q: offers %s", c.text, w)
			}
		}
		if len(got) > maxCompletions {
			t.Errorf("%q: %d completions", c.text, len(got))
		}
	}
}

// What completion offers for a field is a field, an operator that can be asked of it, and so on: putting it in must
// never turn a good query bad.
func TestCompletionsParse(t *testing.T) {
	for _, c := range Complete("port.", 5, Options{}) {
		if _, ok := record.Lookup(c.Text); !ok || c.Kind != CompleteField || c.Detail == "" {
			t.Errorf("%+v is no field", c)
		}
	}
	for _, f := range []string{"source.port", "tags", "session.final", "source.ip", "event.start", "event.duration", "thread.cpu"} {
		kind := record.KindSession
		if f == "thread.cpu" {
			kind = record.KindSysEvent
		}
		for _, c := range Complete(f+" ", len(f)+1, Options{Kind: kind}) {
			if e := (*Error)(nil); !errors.As(parseOnly(f+" "+c.Text+" ", kind), &e) || strings.Contains(e.Msg, "operator") || strings.Contains(e.Msg, "cannot be asked") {
				if c.Text != "exists" {
					t.Errorf("%s %s: %v", f, c.Text, e)
				}
			}
		}
	}
}

func parseOnly(text string, kind record.Kind) error {
	_, err := Parse(text, Options{Kind: kind})
	return err
}

func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		`ip.src==10.0.0.0/8&&!(tags != "x y") | top 5 port.dst by sum(bytes)`: "field:ip.src operator:== number:10.0.0.0/8 keyword:&& keyword:! punctuation:( field:tags operator:!= " +
			`string:"x y" punctuation:) pipe:| stage:top number:5 field:port.dst keyword:by function:sum punctuation:( field:bytes punctuation:)`,
		`a in (b, "c") and not d ~ /x|y/ or e == ]$l, :80[`: `field:a operator:in punctuation:( string:b punctuation:, string:"c" punctuation:) keyword:and keyword:not field:d operator:~ regex:/x|y/ ` +
			"keyword:or field:e operator:== punctuation:] shortcut:$l punctuation:, number::80 punctuation:[",
		"* | timechart 1m count by tags | sort count desc": "keyword:* pipe:| stage:timechart number:1m function:count keyword:by field:tags pipe:| stage:sort function:count keyword:desc",
		"port == 80 ) port = 5":                            "field:port operator:== number:80 error:) field:port operator:= number:5",
		"port ==":                                          "field:port operator:==",
		"port == port == 5":                                "field:port operator:== string:port error:== field:5",
		`port == "x`:                                       `field:port operator:== error:"x`,
		"foo bar == 1":                                     "field:foo field:bar operator:== number:1",
		"a == 1 | nope 5 | head 3":                         "field:a operator:== number:1 keyword:| field:nope field:5 pipe:| stage:head number:3",
		"| nope 5":                                         "pipe:| error:nope field:5",
		"ä == 1":                                           "error:ä error:== field:1",
		"":                                                 "",
	} {
		checkTokens(t, text)
		var got []string
		for _, k := range Tokens(text) {
			got = append(got, fmt.Sprintf("%s:%s", k.Class, text[k.From:k.To]))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q\n got %s\nwant %s", text, s, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for text, want := range map[string]string{
		"port=80&tags!='x'":            "port == 80 && tags != 'x'",
		"not ( port eq 80 or ip=1.2 )": "!(port == 80 || ip == 1.2)",
		"a=1 or b=2 and c=3":           "a == 1 || (b == 2 && c == 3)",
		"not port<5":                   "!(port < 5)",
		"x in ( a , b ) and y=]a,b[|top tags by p95( duration )|head": "x in (a, b) && y == ]a, b[ | top 10 tags by p95(duration) | head 10",
		"starttime > 2026/11/21  01:00:00":                            `starttime > "2026/11/21  01:00:00"`,
		"tags == [foo bar, a]":                                        `tags == ["foo bar", a]`,
		"tags matches [foo bar, a]":                                   `tags matches [/foo bar/, a]`,
		"tags EXISTS":                                                 "tags == EXISTS!",
		"":                                                            "",
		"http.user-agent == /averylongexpression.*/ && http.uri == /anotherverylongexpression/ && (port == 80 || port == 81) | top 5 tags": "http.user-agent == /averylongexpression.*/\n" +
			"  && http.uri == /anotherverylongexpression/\n  && (port == 80 || port == 81)\n| top 5 tags",
	} {
		got, err := Format(text)
		if err != nil || got != want {
			t.Errorf("%q\n got %s\nwant %s (%v)", text, got, want, err)
		}
	}
	if _, err := Format("port =="); err == nil {
		t.Error("Format took half a query")
	}
}

func TestErrorFields(t *testing.T) {
	text := "port == 80 &&\n  tagz == ü"
	_, err := Parse(text, Options{})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Pos != 16 || e.End != 20 || e.Line != 2 || e.Col != 3 || !slices.Equal(e.Suggest, []string{"tags"}) || strings.Contains(e.Error(), "\n") {
		t.Errorf("got %+v", *e)
	}
	_, err = Parse("tags == ü && tags ==", Options{})
	if errors.As(err, &e); e.Col != 21 || e.Pos != 21 {
		t.Errorf("columns count characters: %+v", *e)
	}
	// an error kept from another text must not make Explain fail
	_ = (&Error{Pos: 50, End: 90, Msg: "x"}).Explain("short")
	_ = (&Error{Pos: -5, End: -1, Msg: "x"}).Explain("")
}

// Hostile text costs bounded time and memory, and is refused with a reason.
func TestHostileText(t *testing.T) {
	deep := strings.Repeat("(", 5000) + "port == 1" + strings.Repeat(")", 5000)
	views := func(string) (string, bool) { return strings.Repeat("view == v || ", 1000) + "port == 1", true }
	lists := func(string) ([]string, bool) { return make([]string, 400_000), true }
	for name, text := range map[string]string{
		"deep":     deep,
		"not":      strings.Repeat("!", 100_000) + "port == 1",
		"long":     "tags == " + strings.Repeat("x", MaxText),
		"tests":    strings.Repeat("port == 1 || ", 19_000) + "port == 1",
		"list":     "port == [" + strings.Repeat("1,", 60_000) + "1]",
		"stages":   strings.Repeat("| head 1", 100),
		"views":    "view == v",
		"lists":    "tags == [$l,$l]",
		"regexes":  "tags == [" + strings.Repeat("/x{1000}y{1000}z{1000}/,", 200) + "/a/]",
		"wild":     "tags == " + strings.Repeat("*a", 600),
		"open":     strings.Repeat("tags == /a ", 20_000),
		"quotes":   strings.Repeat(`tags == "a `, 20_000),
		"brackets": strings.Repeat("tags == [", 20_000),
		"dashes":   "ip == " + strings.Repeat("1-", 100_000),
	} {
		if _, err := Parse(text, Options{Views: views, Shortcuts: lists}); err == nil {
			t.Errorf("%s: taken", name)
		}
		checkTokens(t, text)
		Complete(text, len(text), Options{})
		Complete(text, len(text)/3, Options{})
	}
}

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"one":     "port.dst == 443",
		"any":     "ip == 10.0.0.1",
		"typical": `ip.src == 10.0.0.0/8 && http.uri == "*/wp-login.php*" && (http.statuscode == 500-599 || host.http == /.*\.(ru|cn)/) | top 10 source.ip by sum(network.bytes)`,
		"wrong":   "htp.uri == x",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(text, Options{})
			}
		})
	}
}

func BenchmarkMatches(b *testing.B) {
	r := sampleRecord(record.KindSession)
	for name, text := range map[string]string{
		"ip":    "ip == 10.9.9.9",
		"port":  "port.dst == 443",
		"mixed": `protocols == http && ip.src == 10.0.0.0/8 && http.uri contains "xwp-login"`,
		"regex": `host.http == /.*\.(ru|cn)/`,
	} {
		q, err := Parse(text, Options{})
		if err != nil {
			b.Fatal(err)
		}
		pass := Compile(q.Where)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pass(r)
			}
		})
	}
}

func BenchmarkComplete(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Complete("port == 80 && source.", 21, Options{})
	}
}
