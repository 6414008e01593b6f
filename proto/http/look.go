package http

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
	"unicode/utf8"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

const (
	lookMax   = 4096 // largest head of a body that is collected
	magicSize = 1024 // bytes of a body that its media type is told from
)

// watch is what is still to be learnt from a body.
type watch uint8

const (
	watchNothing watch = iota
	watchHead          // its first bytes
	watchDigest        // all of it
)

// look is the memory for a body that is being looked at: its first bytes, then the state of its digests. Only bodies
// whose head or digest is spread over several calls have one.
type look struct {
	head   []byte // as sent
	text   []byte // head without its content coding
	md5    hash.Hash
	sha256 hash.Hash
	sum    [sha256.Size]byte
	hex    [2 * sha256.Size]byte
}

var looks = sync.Pool{New: func() any {
	return &look{head: make([]byte, 0, lookMax), text: make([]byte, lookMax), md5: md5.New(), sha256: sha256.New()}
}}

// getLook gives s memory to look at its body.
func (s *stream) getLook() *look {
	if s.look == nil {
		s.look = looks.Get().(*look)
		s.look.head = s.look.head[:0]
		s.look.md5.Reset()
		s.look.sha256.Reset()
	}
	return s.look
}

// dropLook stops looking.
func (s *stream) dropLook() {
	s.watch = watchNothing
	if s.look != nil {
		looks.Put(s.look)
		s.look = nil
	}
}

// total is the length of the body, -1 while it is not known.
func (s *stream) total() int64 {
	if s.phase == inBody {
		return s.declared
	}
	return -1
}

// want is how many bytes of the body's head are collected.
func (s *stream) want(o *Options) int {
	n := max(magicSize, s.keep(o))
	if t := s.total(); t >= 0 && t < int64(n) {
		n = int(t)
	}
	return n
}

// keep is how many bytes of the body's text are kept.
func (s *stream) keep(o *Options) int {
	if s.request {
		return o.RequestBody
	}
	return o.ResponseBody
}

// observe looks at the next bytes of a body; s.size counts them already.
func (s *stream) observe(p *parser, f *proto.Flow, b []byte) {
	if s.watch == watchHead {
		want := s.want(p.opt)
		if s.look == nil && len(b) >= want {
			s.sawHead(p, f, b)
			return
		}
		l := s.getLook()
		n := min(want-len(l.head), len(b))
		l.head = append(l.head, b[:n]...)
		if len(l.head) < want {
			return
		}
		s.sawHead(p, f, l.head)
		b = b[n:]
	}
	if s.watch == watchDigest {
		s.digest(p.opt, b)
	}
}

// sawHead judges a body by its first bytes. Its digests, if any are wanted, begin with them.
func (s *stream) sawHead(p *parser, f *proto.Flow, head []byte) {
	mime, code := magic(head[:min(len(head), magicSize)])
	s.code = code || s.coding != codingNone
	f.Set.AddString(fMagic, mime)
	s.keepText(p, f, head, mime)
	if !p.opt.MD5 && !p.opt.SHA256 {
		s.dropLook()
		return
	}
	s.watch = watchDigest
	s.digest(p.opt, head)
}

// digest adds b to the digests, or gives them up when the body is longer than what is to be digested.
func (s *stream) digest(o *Options, b []byte) {
	limit := o.HashMax
	if s.code {
		limit = max(limit, o.HashCodeMax)
	}
	if max(s.size, s.total()) > limit {
		s.dropLook()
		return
	}
	l := s.getLook()
	if o.MD5 {
		l.md5.Write(b)
	}
	if o.SHA256 {
		l.sha256.Write(b)
	}
}

// endBody ends looking at a body; whole says that all of it was there.
func (s *stream) endBody(p *parser, f *proto.Flow, whole bool) {
	if s.watch == watchHead && s.look != nil {
		head := s.look.head
		s.sawHead(p, f, head)
	}
	if s.watch == watchDigest && whole && !s.gap {
		s.putDigests(f, p.opt)
	}
	s.dropLook()
}

// putDigests adds the digests to session and transaction.
func (s *stream) putDigests(f *proto.Flow, o *Options) {
	l := s.look
	if o.MD5 {
		s.putHex(f, fMD5, l.md5.Sum(l.sum[:0]))
	}
	if o.SHA256 {
		s.putHex(f, fSHA256, l.sha256.Sum(l.sum[:0]))
	}
}

func (s *stream) putHex(f *proto.Flow, id record.FieldID, sum []byte) {
	text := s.look.hex[:hex.Encode(s.look.hex[:], sum)]
	f.Set.AddText(id, text)
	s.tx.Values.PutText(id, text)
}

// keepText keeps the first bytes of a body that is text, and the type that its content shows.
func (s *stream) keepText(p *parser, f *proto.Flow, head []byte, mime string) {
	content, mimeField := fRespContent, fRespMime
	if s.request {
		content, mimeField = fReqContent, fReqMime
	}
	keep := s.keep(p.opt)
	if s.coding != codingNone {
		if keep == 0 {
			return
		}
		head = decode(s.getLook().text[:max(keep, magicSize)], head, s.coding)
		mime, _ = magic(head[:min(len(head), magicSize)])
	}
	s.tx.Values.PutString(mimeField, mime)
	text, ok := validText(head[:min(len(head), keep)])
	if !ok || len(text) == 0 {
		return
	}
	if p.bodies >= maxBodies {
		f.Set.Dropped++
		return
	}
	p.bodies++
	f.Set.AddText(content, text)
	s.tx.Values.PutText(content, text)
}

// maxBodies bounds how many bodies' texts one connection adds to its session.
const maxBodies = 100

// validText says whether b is UTF-8, a last character that was cut off left away.
func validText(b []byte) ([]byte, bool) {
	for i := 1; i < utf8.UTFMax && i < len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				b = b[:len(b)-i]
			}
			break
		}
	}
	return b, utf8.Valid(b) && bytes.IndexByte(b, 0) < 0
}
