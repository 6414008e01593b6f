package scap

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of a zstd frame that is unpacked: what the zstd program accepts by itself.
const maxWindow = 128 << 20

// unpack finds out by its first bytes whether r is compressed with gzip or zstd, and gives what is inside. Several
// members or frames in a row are one stream.
func unpack(r io.Reader) (out io.Reader, closer func(), err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4)
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, nil, err
		}
		return z, func() {}, nil
	case len(head) == 4 && string(head) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case err != nil && err != io.EOF:
		return nil, nil, err
	}
	return b, func() {}, nil
}
