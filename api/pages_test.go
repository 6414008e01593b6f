package api

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// withPages serves pages beside the API.
func withPages(t testing.TB) *client {
	c := bundled(t)
	c.srv.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "page "+r.URL.Path)
	})
	return c
}

func TestPages(t *testing.T) {
	c := withPages(t)
	none := header("Authorization", "")
	for path, want := range map[string]string{"/": "page /", "/s?q=x": "page /s", "/session/n-1": "page /session/n-1", "/apis": "page /apis"} {
		if a := c.get(path, none); a.StatusCode != 200 || string(a.body) != want {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	for path, want := range map[string]int{"/api": 404, "/api/": 404, "/api/nothing": 404, "/api/status": 401} {
		if a := c.get(path, none); a.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, a.Status, want)
		} else {
			a.failure(t)
		}
	}
	if a := c.get("/", host("evil.example")); a.StatusCode != 403 {
		t.Errorf("a page for another name: %s", a.Status)
	}
}

// TestHandOver holds that the token leaves the URL at once, goes into the cookie if it is right, and takes nobody elsewhere.
func TestHandOver(t *testing.T) {
	c := withPages(t)
	u, _ := url.Parse(c.url)
	none := header("Authorization", "")
	for _, x := range []struct {
		path, want string
		right      bool
	}{
		{"/?token=" + testToken, "/", true},
		{"/s?q=port+%3D%3D+80&token=" + testToken + "&from=-15m", "/s?q=port+%3D%3D+80&from=-15m", true},
		{"/session/a%2Fb?token=" + testToken + "&to%6ben=" + testToken, "/session/a/b", true},
		{"/status?tok%65n=" + testToken, "/status", true},
		{"//evil.example/?token=" + testToken, "/evil.example/", true},
		{"/%5Cevil.example/?token=" + testToken, "/%5Cevil.example/", true},
		{"/?token=wrong", "/", false},
		{"/?token=", "/", false},
		{"/s?q=a&token=wrong", "/s?q=a", false},
	} {
		a := c.get(x.path, none)
		if a.StatusCode != 303 || a.Header.Get("Location") != x.want {
			t.Errorf("%s: %s to %q, want %q", x.path, a.Status, a.Header.Get("Location"), x.want)
		}
		set := a.Cookies()
		if !x.right {
			if len(set) != 0 {
				t.Errorf("%s sets %v", x.path, set)
			}
			continue
		}
		if len(set) != 1 || set[0].Name != "tapir_token_"+u.Port() || set[0].Value != testToken || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode || set[0].Path != "/" {
			t.Errorf("%s sets %+v", x.path, set)
			continue
		}
		if a := c.get("/api/status", none, cookie(set[0].Name, set[0].Value)); a.StatusCode != 200 {
			t.Errorf("the cookie of %s: %s", x.path, a.Status)
		}
		if strings.Contains(string(a.body), testToken) || a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v %s", x.path, a.Header, a.body)
		}
	}
}
