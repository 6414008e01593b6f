//go:build !amd64 && !arm64

package syscalls

// numbersText is empty: the numbers of this machine's calls are not known, and Open says so.
const numbersText = ""

// The calls of 32-bit programs are not known.
const numbers32Text, calls32Text = "", ""
