package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// saying is what one side says.
type saying struct {
	client bool
	text   string
}

// connection is a TCP connection in which these things are said, in segments of 1000 bytes. Segments of which drop says so
// are missing.
func connection(says []saying, drop func(n int) bool) (out []record.Packet) {
	now, seq := int64(1e18), [2]uint32{1000, 5000}
	add := func(client bool, flags, payload string) {
		now += 1e6
		own, other := 0, 1
		if !client {
			own, other = 1, 0
		}
		out = append(out, tcpFrame(now, client, flags, seq[own], seq[other], 1000, payload))
		seq[own] += uint32(len(payload))
		if strings.ContainsAny(flags, "SF") {
			seq[own]++
		}
	}
	add(true, "S", "")
	add(false, "SA", "")
	add(true, "A", "")
	n := 0
	for _, s := range says {
		for text := s.text; len(text) > 0; {
			part := text[:min(len(text), 1000)]
			text = text[len(part):]
			add(s.client, "A", part)
			if n++; drop != nil && drop(n) {
				out = out[:len(out)-1]
			}
		}
	}
	add(true, "FA", "")
	add(false, "FA", "")
	return out
}

// talked is what stream answers with format=http.
type talked struct {
	Messages []struct {
		ID        int
		From      string
		StartLine string `json:"start_line"`
		Headers   [][2]string
		Whole     bool
		Body      *struct {
			ID        int
			Bytes     int64
			Lost      int64
			Decoded   *int64 `json:"decoded_bytes"`
			Type      string
			Encoding  string
			Text      string
			Truncated bool
		}
	}
	More bool
}

func (c *client) talked(nameValue ...string) (a talked) {
	c.t.Helper()
	c.ok(at("/api/sessions/"+c.records.recs[0].Session.String()+"/stream", append(nameValue, "format", "http")...)).json(c.t, &a)
	return a
}

// bodyAt is the answer with the body of message n.
func (c *client) bodyAt(n int) answer {
	c.t.Helper()
	return c.get(fmt.Sprintf("/api/sessions/%s/bodies/%d", c.records.recs[0].Session, n))
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// answerOf is a response with that body.
func answerOf(body string, headers ...string) saying {
	return saying{false, "HTTP/1.1 200 OK\r\n" + strings.Join(append(headers, fmt.Sprint("Content-Length: ", len(body))), "\r\n") + "\r\n\r\n" + body}
}

func picture(t *testing.T) string {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 60))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const hostilePage = "<script>alert(1)</script><svg onload=alert(2)>"

// serveTalk serves one connection in which everything is asked for once.
func serveTalk(t *testing.T) *client {
	ask := saying{true, "GET / HTTP/1.1\r\nHost: tapir.test\r\nX-Evil: \u202e<b>\xff\r\n\r\n"}
	gz := gzipped(strings.Repeat("all work and no play\n", 20_000))
	return serve(t, play(t, connection([]saying{
		{true, "POST /form HTTP/1.1\r\nHost: tapir.test\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello tapir"},
		{false, "HTTP/1.1 100 Continue\r\n\r\n"},
		{false, fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\nSum: 1\r\n\r\n", 100, gz[:100], len(gz)-100, gz[100:])},
		ask, answerOf(picture(t), "Content-Type: image/png"), // 5
		ask, answerOf(hostilePage, "Content-Type: image/png"), // 7: no picture
		ask, answerOf(hostilePage, "Content-Type: text/html"), // 9
		ask, answerOf("<svg onload=alert(2)/>", "Content-Type: image/svg+xml"), // 11
		ask, answerOf("not gzip at all", "Content-Type: text/plain", "Content-Encoding: gzip"), // 13
		ask, answerOf("?", "Content-Encoding: compress"), // 15
		ask, answerOf(hostilePage, "Content-Type: text/plain"), // 17
		ask, {false, "HTTP/1.1 304 Not Modified\r\n\r\n"}, // 19
	}, nil)...))
}

func TestStreamAsHTTP(t *testing.T) {
	c := serveTalk(t)
	a := c.talked()
	if len(a.Messages) != 19 || a.More {
		t.Fatalf("%d messages, more %v: %+v", len(a.Messages), a.More, a)
	}
	for i, m := range a.Messages {
		if m.ID != i+1 || !m.Whole || (m.Body != nil) != (m.ID == 1 || m.ID >= 3 && m.ID < 19 && m.From == "server") {
			t.Errorf("message %d: %+v", i+1, m)
		}
	}
	if m := a.Messages[0]; m.From != "client" || m.StartLine != "POST /form HTTP/1.1" || len(m.Headers) != 3 || m.Headers[0] != [2]string{"Host", "tapir.test"} || m.Body.Text != "hello tapir" || m.Body.Truncated || *m.Body.Decoded != 11 {
		t.Errorf("%+v %+v", m, m.Body)
	}
	if m := a.Messages[1]; m.StartLine != "HTTP/1.1 100 Continue" || m.From != "server" {
		t.Errorf("%+v", m)
	}
	x := a.Messages[2]
	if b := x.Body; b.Encoding != "gzip" || *b.Decoded != 420_000 || b.Bytes > 5000 || !b.Truncated || len(b.Text) != maxBodyText || !strings.HasPrefix(b.Text, "all work") || x.Headers[3] != [2]string{"Sum", "1"} {
		t.Errorf("%+v: %d bytes to %d, %q...", x.Headers, b.Bytes, *b.Decoded, b.Text[:20])
	}
	if m := a.Messages[3]; m.Headers[1][1] != "\u202e<b>\ufffd" {
		t.Errorf("%q", m.Headers)
	}
	if b := a.Messages[12].Body; b.Decoded != nil || !b.Truncated || b.Text != "" {
		t.Errorf("what is no gzip: %+v", b)
	}
	short := c.talked("bytes", "300")
	if len(short.Messages) == 0 || len(short.Messages) > 5 || !short.More {
		t.Errorf("of 300 bytes: %d messages, more %v", len(short.Messages), short.More)
	}
}

func TestBodies(t *testing.T) {
	c := serveTalk(t)
	svg := "<svg onload=alert(2)/>"
	for n, want := range map[int]struct{ kind, disposition, body string }{
		1:  {"text/plain; charset=utf-8", "inline", "hello tapir"},
		3:  {"application/octet-stream", ".bin", strings.Repeat("all work and no play\n", 20_000)},
		5:  {"image/png", "inline", picture(t)},
		7:  {"application/octet-stream", ".bin", hostilePage},
		9:  {"application/octet-stream", ".bin", hostilePage},
		11: {"image/svg+xml", ".svg", svg},
		13: {"text/plain; charset=utf-8", "inline", "not gzip at all"},
		15: {"application/octet-stream", ".bin", "?"},
		17: {"text/plain; charset=utf-8", "inline", hostilePage},
	} {
		a := c.bodyAt(n)
		h := a.Header
		if a.StatusCode != 200 || h.Get("Content-Type") != want.kind || string(a.body) != want.body {
			t.Errorf("%d: %s %s, %d bytes %.40q", n, a.Status, h.Get("Content-Type"), len(a.body), a.body)
		}
		d := h.Get("Content-Disposition")
		if want.disposition == "inline" && d != "inline" || want.disposition != "inline" && (!strings.HasPrefix(d, "attachment; ") || !strings.Contains(d, want.disposition)) {
			t.Errorf("%d: %s", n, d)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d: %v", n, h)
		}
		if got := h.Get("Tapir-Incomplete") + a.Trailer.Get("Tapir-Incomplete"); got != "" {
			t.Errorf("%d is incomplete: %s", n, got)
		}
	}
	for _, n := range []int{2, 4, 19, 20, 1 << 40} {
		if a := c.bodyAt(n); a.StatusCode != 404 {
			t.Errorf("body %d: %s", n, a.Status)
		} else {
			a.failure(t)
		}
	}
	for _, n := range []string{"0", "-1", "x", "1e3", "99999999999999999999"} {
		if a := c.get("/api/sessions/" + c.records.recs[0].Session.String() + "/bodies/" + n); a.StatusCode != 400 || a.failure(t).Error.Param != "n" {
			t.Errorf("body %s: %s", n, a.Status)
		}
	}
}

// TestBodyWithALoss holds that a body with a hole is shown for what is there, and says so.
func TestBodyWithALoss(t *testing.T) {
	text := strings.Repeat("0123456789", 500)
	for name, x := range map[string]struct {
		answer saying
		want   string
	}{
		"plain": {answerOf(text, "Content-Type: text/plain"), "1000 bytes were lost"},
		"gzip":  {answerOf(gzipped(picture(t)+strings.Repeat("x", 10)+randomText(8000)), "Content-Encoding: gzip"), "1000 bytes were lost"},
		"end":   {saying{false, "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\nContent-Type: text/plain\r\n\r\n" + text}, "1000 bytes were lost"},
	} {
		c := serve(t, play(t, connection([]saying{{true, "GET / HTTP/1.1\r\n\r\n"}, x.answer}, func(n int) bool { return n == 4 })...))
		m := c.talked().Messages[1]
		if m.Whole || m.Body.Lost != 1000 || !m.Body.Truncated {
			t.Errorf("%s: %+v %+v", name, m, m.Body)
		}
		a := c.bodyAt(2)
		if got := a.Header.Get("Tapir-Incomplete") + a.Trailer.Get("Tapir-Incomplete"); a.StatusCode != 200 || got != x.want || len(a.body) == 0 {
			t.Errorf("%s: %s, %d bytes, incomplete %q", name, a.Status, len(a.body), got)
		}
	}
}

// randomText does not compress well.
func randomText(n int) string {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

// TestBomb holds that a few bytes that stand for very many cost neither memory nor much time.
func TestBomb(t *testing.T) {
	bomb := gzipped(strings.Repeat("\x00", 70<<20))
	c := serve(t, play(t, connection([]saying{{true, "GET / HTTP/1.1\r\n\r\n"}, answerOf(bomb, "Content-Encoding: gzip")}, nil)...))
	if b := c.talked().Messages[1].Body; b.Decoded != nil || !b.Truncated || b.Bytes != int64(len(bomb)) {
		t.Errorf("%+v", b)
	}
	req, _ := http.NewRequest("GET", c.url+"/api/sessions/"+c.records.recs[0].Session.String()+"/bodies/2", nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := res.Body.Read(make([]byte, 100))
	res.Body.Close() // who has seen enough ends the work
	if n == 0 {
		t.Error("nothing came")
	}
}

// TestNoHTTP holds that what is no HTTP has no messages.
func TestNoHTTP(t *testing.T) {
	c := serve(t, play(t, connection([]saying{{true, "SSH-2.0-x\r\n"}, {false, "SSH-2.0-y\r\n"}}, nil)...))
	if a := c.talked(); len(a.Messages) != 0 || a.More {
		t.Errorf("%+v", a)
	}
	if a := c.bodyAt(1); a.StatusCode != 404 {
		t.Errorf("%s", a.Status)
	}
}
