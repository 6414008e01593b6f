package chisel

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// exchange is an HTTP request that waits for its response.
type exchange struct {
	method, url, dir, container string
	started                     int64
	code                        int
	length, took                int64
}

// httpParser pairs requests with responses by what the first buffer of each begins with.
type httpParser struct {
	f       []*sys.Field
	waiting map[string]*exchange
	done    func(e *sys.Event, x *exchange)
}

var (
	requestLine   = regexp.MustCompile(`^([A-Z]+) ([\x21-\x7e]+)`)
	hostLine      = regexp.MustCompile(`Host: ([\x21-\x7e]+)\.\.`)
	statusLine    = regexp.MustCompile(`HTTP/[\x21-\x7e]+ (\d+)`)
	contentLength = regexp.MustCompile(`Content-Length: (\d+)\.\.`)
)

func newHTTP(env *Env, done func(e *sys.Event, x *exchange)) (*Run, error) {
	p := &httpParser{f: fields(env.Style, "evt.buffer", "evt.io_dir", "container.name"), waiting: map[string]*exchange{}, done: done}
	r, err := newRun("evt.buffer exists and (fd.type=ipv4 or fd.type=ipv6) and evt.is_io=true")
	r.event = p.event
	return r, err
}

func (p *httpParser) event(e *sys.Event) error {
	if e.FD == nil || e.Thread == nil {
		return nil
	}
	buf, ok := p.f[0].Append(nil, e)
	if !ok {
		return nil
	}
	key := strconv.FormatInt(e.Thread.PID, 10) + keySep + strconv.FormatInt(e.FD.Num, 10)
	x := p.waiting[key]
	if x != nil {
		if m := statusLine.FindSubmatch(buf); m != nil {
			x.code, _ = strconv.Atoi(string(m[1]))
			if m := contentLength.FindSubmatch(buf); m != nil {
				x.length, _ = strconv.ParseInt(string(m[1]), 10, 64)
			}
			x.took = e.Time - x.started
			p.done(e, x)
			delete(p.waiting, key)
		}
		return nil
	}
	m := requestLine.FindSubmatch(buf)
	if m == nil || len(p.waiting) >= maxKeys {
		return nil
	}
	x = &exchange{method: string(m[1]), url: string(m[2]), dir: "<NA>", started: e.Time, container: value(p.f[2], e, "")}
	// The buffer is shown with dots for line ends; the greedy match goes to the last of them, as in the line alone.
	if h := hostLine.FindSubmatch(buf); h != nil {
		host, _, _ := strings.Cut(string(h[1]), "..")
		x.url = host + x.url
	}
	x.dir = map[string]string{"read": "<", "write": ">"}[value(p.f[1], e, "")]
	p.waiting[key] = x
	return nil
}

func httpLog(env *Env, _ []string) (*Run, error) {
	at := fields(env.Style, "evt.datetime")[0]
	return newHTTP(env, func(e *sys.Event, x *exchange) {
		in := " "
		if env.Containers {
			in = " " + x.container + " "
		}
		fmt.Fprintf(env.Out, "%s%s%s method=%s url=%s response_code=%d latency=%dms size=%dB\n", value(at, e, ""), in, x.dir, x.method, x.url, x.code, x.took/1e6, x.length)
	})
}

func httpTop(env *Env, args []string) (*Run, error) {
	by := "ncalls"
	if len(args) > 0 {
		by = args[0]
	}
	u, ok := map[string]Unit{"ncalls": Plain, "bytes": InBytes, "time": InTime}[by]
	if !ok {
		return nil, &Err{"Invalid argument! Valid options: ncalls, bytes, time"}
	}
	p := &printed{titles: []string{"method", "url"}, names: []string{"method", "url"}, title: by, value: by, unit: u}
	if env.Containers {
		p.titles, p.names = append([]string{"container"}, p.titles...), append([]string{"container"}, p.names...)
	}
	type sum struct{ calls, bytes, time int64 }
	sums := map[string]*sum{}
	r, err := newHTTP(env, func(_ *sys.Event, x *exchange) {
		key := x.method + keySep + x.url
		if env.Containers {
			key = x.container + keySep + key
		}
		s := sums[key]
		if s == nil {
			if len(sums) >= maxKeys {
				return
			}
			s = &sum{}
			sums[key] = s
		}
		s.calls++
		s.bytes += x.length
		s.time += x.took
	})
	if err != nil {
		return nil, err
	}
	r.end = func(at, delta int64) error {
		var rows []row
		for k, s := range sums {
			n := s.calls
			switch u {
			case InBytes:
				n = s.bytes
			case InTime:
				n = s.time / s.calls
			}
			rows = append(rows, row{k, n})
		}
		return p.print(env, topRows(rows, 30), at, delta)
	}
	return r, nil
}

// memcacheLog prints the gets and sets of memcached's text protocol.
func memcacheLog(env *Env, args []string) (*Run, error) {
	r, err := newRun("(fd.sport=11211 or proc.name=memcached) and evt.is_io=true")
	if err != nil {
		return nil, err
	}
	f := fields(env.Style, "evt.arg.data", "evt.datetime")
	least := int64(0)
	if len(args) > 1 {
		if least, err = strconv.ParseInt(args[1], 10, 64); err != nil {
			return nil, &Err{"Input size must be a number."}
		}
	}
	r.event = func(e *sys.Event) error {
		words := strings.Split(value(f[0], e, ""), " ")
		if len(words) < 2 || !strings.HasPrefix(words[0], "get") && !strings.HasPrefix(words[0], "set") {
			return nil
		}
		size := int64(0)
		if len(words) > 4 {
			size, _ = strconv.ParseInt(words[4], 10, 64)
		}
		if len(args) > 0 && (words[0] != args[0] || args[0] == "set" && size < least) {
			return nil
		}
		_, err := fmt.Fprintf(env.Out, "%s method=%s size=%dB key=%s\n", value(f[1], e, ""), words[0], size, words[1])
		return err
	}
	return r, nil
}
