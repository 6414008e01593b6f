package sflowhttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// What a response writer can do besides writing shows in its type, and handlers look for it there. So what they get can
// do what the server's own can, no more and no less: the writers of HTTP/1 and HTTP/2 of package net/http are told apart,
// others are reached through Unwrap.
type (
	http1Writer struct{ *exchange }
	http2Writer struct{ *exchange }
	flushWriter struct{ *exchange }
)

func (x *exchange) wrapped() http.ResponseWriter {
	_, flush := x.ResponseWriter.(http.Flusher)
	_, hijack := x.ResponseWriter.(http.Hijacker)
	_, from := x.ResponseWriter.(io.ReaderFrom)
	_, push := x.ResponseWriter.(http.Pusher)
	switch {
	case flush && hijack && from && !push:
		return http1Writer{x}
	case flush && push && !hijack:
		return http2Writer{x}
	case flush:
		return flushWriter{x}
	}
	return x
}

// flush sends the header, if it was not sent, as the server's own Flush does.
func (x *exchange) flush() {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	x.flushed = true
	x.ResponseWriter.(http.Flusher).Flush()
}

func (w http1Writer) Flush() { w.flush() }
func (w http2Writer) Flush() { w.flush() }
func (w flushWriter) Flush() { w.flush() }

// Hijack hands the connection over; what is sent on it then is no response.
func (w http1Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// ReadFrom lets the server use sendfile.
func (w http1Writer) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.(io.ReaderFrom).ReadFrom(r)
	w.sent += n
	return n, err
}

func (w http2Writer) Push(target string, o *http.PushOptions) error {
	return w.ResponseWriter.(http.Pusher).Push(target, o)
}
