package http

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// coding is a content coding (RFC 9110 section 8.4) that can be undone.
type coding uint8

const (
	codingNone coding = iota
	codingGzip
	codingDeflate
	codingBrotli
	codingZstd
	codingOther // unknown, or several on top of each other
)

// codingOf reads a Content-Encoding header.
func codingOf(value []byte) coding {
	switch {
	case len(value) == 0, equalFold(value, "identity"):
		return codingNone
	case equalFold(value, "gzip"), equalFold(value, "x-gzip"):
		return codingGzip
	case equalFold(value, "deflate"):
		return codingDeflate
	case equalFold(value, "br"):
		return codingBrotli
	case equalFold(value, "zstd"):
		return codingZstd
	}
	return codingOther
}

// decoder holds the readers of one decoding, to be used again.
type decoder struct {
	src    bytes.Reader
	buf    *bufio.Reader
	gzip   gzip.Reader
	flate  io.ReadCloser
	brotli *brotli.Reader
	zstd   *zstd.Decoder
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// maxWindow bounds the memory a zstd frame may ask for; RFC 9659 allows HTTP content 8 MiB.
const maxWindow = 8 << 20

// decode undoes coding c of the beginning of a body into dst and returns what of dst it filled. It writes no more
// than dst holds, however much src would expand to; what is missing or wrong behind the beginning does not matter.
func decode(dst, src []byte, c coding) []byte {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.src.Reset(src)
	r := d.reader(c, src)
	if r == nil {
		return dst[:0]
	}
	n := 0
	for n < len(dst) {
		k, err := r.Read(dst[n:])
		n += k
		if err != nil || k == 0 {
			break
		}
	}
	return dst[:n]
}

// reader sets up the reader for c, nil if there is none or the coding's header is not there.
func (d *decoder) reader(c coding, src []byte) io.Reader {
	switch c {
	case codingGzip:
		if d.gzip.Reset(d.buffered()) != nil {
			return nil
		}
		return &d.gzip
	case codingDeflate:
		return d.deflate(src)
	case codingBrotli:
		if d.brotli == nil {
			d.brotli = brotli.NewReader(nil)
		}
		if d.brotli.Reset(&d.src) != nil {
			return nil
		}
		return d.brotli
	case codingZstd:
		return d.zstandard()
	}
	return nil
}

func (d *decoder) buffered() *bufio.Reader {
	if d.buf == nil {
		d.buf = bufio.NewReaderSize(nil, 512)
	}
	d.buf.Reset(&d.src)
	return d.buf
}

// deflate reads zlib (RFC 1950), which the name stands for, or bare deflate, which some servers send.
func (d *decoder) deflate(src []byte) io.Reader {
	if len(src) >= 2 && isZlib(src) {
		d.src.Reset(src[2:])
	}
	if d.flate == nil {
		d.flate = flate.NewReader(d.buffered())
	} else if d.flate.(flate.Resetter).Reset(d.buffered(), nil) != nil {
		return nil
	}
	return d.flate
}

func (d *decoder) zstandard() io.Reader {
	if d.zstd == nil {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil
		}
		d.zstd = z
	}
	if d.zstd.Reset(&d.src) != nil {
		return nil
	}
	return d.zstd
}
