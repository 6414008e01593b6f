package api

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// admit says why a request is not let in, nil if it is. A browser may be made to send requests by any page it shows:
//
//   - a name that was made to resolve to a loopback address (DNS rebinding) shows in Host;
//   - a form of another site that is posted here shows in Sec-Fetch-Site or Origin;
//   - all else lacks the token, whose cookie goes to this site alone.
func (s *Server) admit(rt route, w http.ResponseWriter, r *http.Request) error {
	if err := s.admitHost(r); err != nil {
		return err
	}
	if err := s.origin.Check(r); err != nil {
		return &problem{status: http.StatusForbidden, err: err}
	}
	if s.Token == "" || rt.open {
		return nil
	}
	token, fromURL := presented(r)
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) != 1 {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tapir"`)
		return &problem{status: http.StatusUnauthorized, err: errors.New("the token is missing or wrong: use the URL that tapir printed, or send Authorization: Bearer TOKEN")}
	}
	if fromURL {
		setToken(w, r, token)
	}
	return nil
}

// admitHost says why a request for a name is refused, nil if it is not.
func (s *Server) admitHost(r *http.Request) error {
	if isLoopback(r) && !localHost(r.Host) && !slices.Contains(s.Hosts, hostName(r.Host)) {
		return &problem{status: http.StatusForbidden, err: fmt.Errorf("host %q is not a name of this server's loopback address", r.Host)}
	}
	return nil
}

// presented is the token of a request: that of the Authorization header, else that of the URL, else the cookie's.
func presented(r *http.Request) (token string, fromURL bool) {
	const scheme = "bearer "
	if h := r.Header.Get("Authorization"); len(h) > len(scheme) && strings.EqualFold(h[:len(scheme)], scheme) {
		return h[len(scheme):], false
	}
	if t := r.URL.Query().Get(tokenParam); t != "" {
		return t, true
	}
	if c, err := r.Cookie(cookieName(r)); err == nil {
		return c.Value, false
	}
	return "", false
}

const tokenParam = "token"

// cookieName is the name of the cookie that ?token= sets. Browsers send cookies to all ports of a host, so the port is
// part of the name: two servers on one machine would log each other's users out.
func cookieName(r *http.Request) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		return "tapir_token_" + port
	}
	return "tapir_token"
}

// isLoopback says whether the request came in on a loopback address.
func isLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	host, _, err := net.SplitHostPort(addr.String())
	return err == nil && net.ParseIP(host).IsLoopback()
}

// hostName is the name or address in a Host header, without port and brackets.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// localHost says whether no one but this machine decides what host resolves to: RFC 6761 §6.3, or an address.
func localHost(host string) bool {
	host = hostName(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}

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
