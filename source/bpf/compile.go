// Package bpf compiles packet filters in the language of pcap-filter(7) with libpcap. It is the only package of the
// sources that needs cgo; they get Compile through source.Filter.
//
// An expression and a link type flow in, classic BPF instructions flow out. Host and port names are looked up by
// libpcap while it compiles, as tcpdump does.
package bpf

/*
#cgo LDFLAGS: -lpcap
#include <pcap/pcap.h>
#include <stdlib.h>

// tapir_compile compiles expr for packets of link type dlt. It returns 0, or -1 with the reason in err.
static int tapir_compile(int dlt, int snaplen, const char *expr, struct bpf_program *prog, char *err) {
	pcap_t *dead = pcap_open_dead(dlt, snaplen);
	if (dead == NULL) {
		snprintf(err, PCAP_ERRBUF_SIZE, "out of memory");
		return -1;
	}
	int rc = pcap_compile(dead, prog, expr, 1, PCAP_NETMASK_UNKNOWN);
	if (rc != 0)
		snprintf(err, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(dead));
	pcap_close(dead);
	return rc;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// maxExpr bounds the text of a filter in bytes; libpcap's parser is recursive.
const maxExpr = 64 << 10

// compiling serialises libpcap: before 1.8 its parser kept its state in globals.
var compiling sync.Mutex

// New makes the source filter for expr. It says at once if libpcap does not understand the expression, judged for
// Ethernet; for other link types that shows when packets of that type come.
func New(expr string) (source.Filter, error) {
	f := source.Filter{Expr: strings.TrimSpace(expr), Compile: Compile}
	if f.Expr == "" {
		return source.Filter{}, nil
	}
	_, err := f.Raw(record.LinkEthernet)
	return f, err
}

// Compile turns expr into a program for packets that begin as link says. The program returns snaplen for a packet that
// passes and 0 for others. The error names the expression, what libpcap says of it and, where that names a word, the
// word's position.
func Compile(expr string, link record.LinkType, snaplen uint32) ([]bpf.RawInstruction, error) {
	if strings.IndexByte(expr, 0) >= 0 || len(expr) > maxExpr {
		return nil, fmt.Errorf("filter of %d bytes: want at most %d and no NUL", len(expr), maxExpr)
	}
	text := C.CString(expr)
	defer C.free(unsafe.Pointer(text))
	reason := (*C.char)(C.calloc(1, C.PCAP_ERRBUF_SIZE))
	defer C.free(unsafe.Pointer(reason))
	var prog C.struct_bpf_program

	compiling.Lock()
	defer compiling.Unlock()
	if C.tapir_compile(C.int(dlt(link)), C.int(snaplen), text, &prog, reason) != 0 {
		return nil, explain(expr, link, C.GoString(reason))
	}
	defer C.pcap_freecode(&prog)
	return instructions(&prog), nil
}

// instructions copies the program out of C memory.
func instructions(prog *C.struct_bpf_program) []bpf.RawInstruction {
	from := unsafe.Slice(prog.bf_insns, prog.bf_len)
	raw := make([]bpf.RawInstruction, len(from))
	for i, c := range from {
		raw[i] = bpf.RawInstruction{Op: uint16(c.code), Jt: uint8(c.jt), Jf: uint8(c.jf), K: uint32(c.k)}
	}
	return raw
}

// dlt is libpcap's number on Linux for a link type where it differs from the number in files (pcap-common.c).
func dlt(link record.LinkType) int {
	switch link {
	case 100: // LINKTYPE_ATM_RFC1483
		return 11
	case record.LinkRaw:
		return 12
	case 102: // LINKTYPE_SLIP_BSDOS
		return 15
	case 103: // LINKTYPE_PPP_BSDOS
		return 16
	case 106: // LINKTYPE_ATM_CLIP
		return 19
	}
	return int(link)
}

// named finds the word that libpcap complains of: unknown host 'x', illegal token: x, "x" is not a valid ...
var named = regexp.MustCompile(`['"]([^'"]+)['"]|(?:token|character|char): ?(\S+)`)

// explain makes the error for what libpcap said.
func explain(expr string, link record.LinkType, reason string) error {
	reason = strings.TrimPrefix(reason, "can't parse filter expression: ")
	msg := fmt.Sprintf("filter %q: %s", expr, reason)
	if w := named.FindStringSubmatch(reason); w != nil {
		if at := strings.Index(expr, w[1]+w[2]); at >= 0 {
			msg += fmt.Sprintf(" (at character %d)", at+1)
		}
	}
	if link != record.LinkEthernet {
		msg += fmt.Sprintf(" (for packets of link type %d)", link)
	}
	return errors.New(msg + "; see man pcap-filter")
}
