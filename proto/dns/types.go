package dns

import "strconv"

// typeNames are the record types (IANA registry "Resource Record (RR) TYPEs").
var typeNames = [...]string{
	1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS", 12: "PTR",
	13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP",
	23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS", 28: "AAAA", 29: "LOC", 30: "NXT", 31: "EID", 32: "NIMLOC",
	33: "SRV", 34: "ATMA", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 40: "SINK", 41: "OPT", 42: "APL",
	43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3",
	51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 56: "NINFO", 57: "RKEY", 58: "TALINK", 59: "CDS",
	60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 66: "DSYNC", 67: "HHIT", 68: "BRID",
	99: "SPF", 100: "UINFO", 101: "UID", 102: "GID", 103: "UNSPEC", 104: "NID", 105: "L32", 106: "L64", 107: "LP",
	108: "EUI48", 109: "EUI64", 128: "NXNAME", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB",
	254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 258: "AVC", 259: "DOA", 260: "AMTRELAY", 261: "RESINFO", 262: "WALLET",
	263: "CLA", 264: "IPN",
}

// Types that the code asks for by name.
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typePTR   = 12
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeSRV   = 33
	typeOPT   = 41
	typeDS    = 43
	typeRRSIG = 46
	typeNSEC  = 47
	typeSVCB  = 64
	typeHTTPS = 65
	typeIXFR  = 251
	typeAXFR  = 252
	typeCAA   = 257
)

// appendType appends a record type's name; RFC 3597 §5 names those without one.
func appendType(dst []byte, t uint16) []byte {
	switch {
	case int(t) < len(typeNames) && typeNames[t] != "":
		return append(dst, typeNames[t]...)
	case t == 32768:
		return append(dst, "TA"...)
	case t == 32769:
		return append(dst, "DLV"...)
	}
	return strconv.AppendUint(append(dst, "TYPE"...), uint64(t), 10)
}

// knownType says whether t has a name.
func knownType(t uint16) bool { return int(t) < len(typeNames) && typeNames[t] != "" || t|1 == 32769 }

// Classes (RFC 1035 §3.2.4, RFC 2136 §1.3).
const (
	classIN   = 1
	classNONE = 254
	classANY  = 255
)

// appendClass appends a class's name.
func appendClass(dst []byte, c uint16) []byte {
	switch c {
	case classIN:
		return append(dst, "IN"...)
	case 2:
		return append(dst, "CS"...)
	case 3:
		return append(dst, "CH"...)
	case 4:
		return append(dst, "HS"...)
	case classNONE:
		return append(dst, "NONE"...)
	case classANY:
		return append(dst, "ANY"...)
	}
	return strconv.AppendUint(append(dst, "CLASS"...), uint64(c), 10)
}

// Operations (RFC 1035, RFC 1996, RFC 2136, RFC 8490).
const (
	opQuery  = 0
	opNotify = 4
	opUpdate = 5
	opDSO    = 6
)

var opNames = [16]string{"QUERY", "IQUERY", "STATUS", "3", "NOTIFY", "UPDATE", "DSO", "7", "8", "9", "10", "11", "12", "13", "14", "15"}

// rcodeNames are response codes, from 16 on those that take the upper bits in OPT (IANA registry "DNS RCODEs").
var rcodeNames = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMPL", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
	"NOTAUTH", "NOTZONE", "DSOTYPENI", "12", "13", "14", "15", "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG",
	"BADTRUNC", "BADCOOKIE"}

// rcodeName is a response code's name, or its number.
func rcodeName(code int) string {
	if code < len(rcodeNames) {
		return rcodeNames[code]
	}
	return strconv.Itoa(code)
}

// Bits of the header's second word (RFC 1035 §4.1.1, RFC 4035 §3).
const (
	bitQR = 1 << 15
	bitAA = 1 << 10
	bitTC = 1 << 9
	bitRD = 1 << 8
	bitRA = 1 << 7
	bitZ  = 1 << 6
	bitAD = 1 << 5
	bitCD = 1 << 4
)

var flagBits = [...]struct {
	bit  uint16
	name string
}{{bitAA, "AA"}, {bitTC, "TC"}, {bitRD, "RD"}, {bitRA, "RA"}, {bitZ, "Z"}, {bitAD, "AD"}, {bitCD, "CD"}}
