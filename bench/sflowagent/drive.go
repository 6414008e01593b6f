package main

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// connections is how many wrk and exchange have open.
const connections = 16

var body = []byte(strings.Repeat("x", 22)) // of small.txt

var wrkTotal = regexp.MustCompile(`(\d+) requests in`)

// wrk has wrk send requests and says how many it counted; those on the way on its connections at the end are not.
func (s *server) wrk(d time.Duration) (int64, error) {
	out, err := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(connections), "-d", d.String(), "http://"+s.apache.Addr+"/small.txt").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := wrkTotal.FindSubmatch(out)
	if m == nil || strings.Contains(string(out), "Non-2xx") {
		return 0, fmt.Errorf("wrk: %s", out)
	}
	return strconv.ParseInt(string(m[1]), 10, 64)
}

// exchange does as wrk does, a request on each connection as soon as the one before is answered, but n on each of them
// and over connections that stay open: so it may take a tenth of a second, and knows to the request what it sent.
func (s *server) exchange(n int) (int64, error) {
	for len(s.conns) < connections {
		c, err := net.Dial("tcp", s.apache.Addr)
		if err != nil {
			return 0, err
		}
		s.conns = append(s.conns, c)
	}
	errs := make([]error, connections)
	var all sync.WaitGroup
	for i, c := range s.conns {
		all.Go(func() { errs[i] = requests(c, n) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, fmt.Errorf("apache (%s): %w", s.name, err)
		}
	}
	return int64(n * connections), nil
}

// requests sends n requests over c and reads the responses.
func requests(c net.Conn, n int) error {
	request, response := []byte("GET /small.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), make([]byte, 4096)
	for range n {
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if _, err := c.Write(request); err != nil {
			return err
		}
		for have := 0; ; {
			got, err := c.Read(response[have:])
			if err != nil {
				return err
			}
			have += got
			if bytes.HasSuffix(response[:have], body) {
				break
			}
		}
		if !bytes.HasPrefix(response, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("response %.40q", response)
		}
	}
	return nil
}
