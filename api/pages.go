package api

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// isAPI says whether a path is one of routes', found or not. The others are those of pages.
func isAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }

// page answers a request for what a browser shows. Pages hold no secret, so they need no token; one that comes in the URL
// becomes the cookie that the page's own requests carry.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if err := s.admitHost(r); err != nil {
		s.run(w, r, func(*reply) error { return err })
		return
	}
	if r.Method == http.MethodGet && r.URL.Query().Has(tokenParam) {
		s.handOver(w, r)
		return
	}
	s.Pages.ServeHTTP(w, r)
}

// handOver takes the token out of the address bar and the history: a right one goes into the cookie, and the browser is
// sent to the same page without it.
func (s *Server) handOver(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get(tokenParam)
	if s.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1 {
		setToken(w, r, token)
	}
	w.Header().Set("Location", withoutToken(r.URL))
	w.WriteHeader(http.StatusSeeOther)
}

// setToken lets the browser keep the token for this site, out of reach of scripts and of other sites.
func setToken(w http.ResponseWriter, r *http.Request, token string) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// withoutToken is the path and query of u, the token left out and all else as it was written. It begins with one slash:
// two would name another host.
func withoutToken(u *url.URL) string {
	var rest []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(part, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != tokenParam {
			rest = append(rest, part)
		}
	}
	to := url.URL{Path: "/" + strings.TrimLeft(u.Path, "/"), RawQuery: strings.Join(rest, "&")}
	return to.String()
}
