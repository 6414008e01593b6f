package dissect

import (
	"strings"

	"github.com/tapir-project/tapir/proto/dns"
)

// rdataNames are the fields of each type's data, in the order of the layouts by which package dns reads them.
var rdataNames = map[uint16][]string{
	1: {"Address"}, 2: {"Name Server"}, 3: {"Host"}, 4: {"Host"}, 5: {"CNAME"},
	6: {"Primary name server", "Responsible authority's mailbox", "Serial Number", "Refresh Interval", "Retry Interval", "Expire limit", "Minimum TTL"},
	7: {"Host"}, 8: {"Mailbox"}, 9: {"Mailbox"}, 12: {"Domain Name"}, 13: {"CPU", "OS"}, 14: {"Responsible Mailbox", "Error Mailbox"},
	15: {"Preference", "Mail Exchange"}, 16: {"TXT"}, 17: {"Mailbox", "TXT RR"}, 18: {"Subtype", "Hostname"}, 19: {"PSDN-Address"},
	20: {"ISDN Address"}, 21: {"Preference", "Intermediate Host"}, 22: {"NSAP"}, 23: {"Owner"}, 24: signature, 25: key,
	26: {"Preference", "MAP822", "MAPX400"}, 27: {"Longitude", "Latitude", "Altitude"}, 28: {"AAAA Address"}, 29: {"Location"},
	31: {"Endpoint"}, 32: {"Locator"}, 33: {"Priority", "Weight", "Port", "Target"},
	35: {"Order", "Preference", "Flags", "Service", "Regex", "Replacement"}, 36: {"Preference", "Key Exchanger"},
	37: {"Type", "Key Tag", "Algorithm", "Certificate"}, 39: {"Target"}, 42: {"Address Prefixes"}, 43: digest,
	44: {"Algorithm", "Fingerprint Type", "Fingerprint"}, 45: {"Gateway and Key"}, 46: signature, 47: {"Next Domain Name", "Types"},
	48: key, 49: {"DHCID"}, 50: {"Hash Algorithm", "Flags", "Iterations", "Salt", "Next Hashed Owner", "Types"},
	51: {"Hash Algorithm", "Flags", "Iterations", "Salt"}, 52: association, 53: association, 55: {"Host Identity and Rendezvous Servers"},
	56: {"TXT"}, 57: key, 58: {"Previous", "Next"}, 59: digest, 60: key, 61: {"Public Key"}, 62: {"SOA Serial", "Flags", "Types"},
	63: {"Serial", "Scheme", "Hash Algorithm", "Digest"}, 64: {"SvcPriority", "TargetName", "SvcParam"}, 65: {"SvcPriority", "TargetName", "SvcParam"},
	66: {"Type", "Scheme", "Port", "Target"}, 67: {"HHIT"}, 68: {"BRID"}, 99: {"TXT"}, 104: {"Preference", "Node ID"},
	105: {"Preference", "Locator"}, 106: {"Preference", "Locator"}, 107: {"Preference", "Host"}, 108: {"Address"}, 109: {"Address"},
	249: {"Algorithm Name", "Signature Inception", "Signature Expiration", "Mode", "Error", "Key", "Other Data"},
	250: {"Algorithm Name", "Time Signed", "Fudge", "MAC", "Original ID", "Error", "Other Data"}, 256: {"Priority", "Weight", "Target"},
	257: {"Flags", "Tag and Value"}, 258: {"TXT"}, 259: {"Enterprise", "Type", "Location", "Media Type", "Data"},
	260: {"Relay"}, 261: {"TXT"}, 262: {"TXT"}, 32768: digest, 32769: digest,
}

// Types that share their fields.
var (
	signature = []string{"Type Covered", "Algorithm", "Labels", "Original TTL", "Signature Expiration", "Signature Inception", "Key Tag",
		"Signer's name", "Signature"}
	key         = []string{"Flags", "Protocol", "Algorithm", "Public Key"}
	digest      = []string{"Key Tag", "Algorithm", "Digest Type", "Digest"}
	association = []string{"Certificate Usage", "Selector", "Matching Type", "Certificate Association Data"}
)

// dnsWords are what stands before the value of a record in its line of the tree.
var dnsWords = map[uint16]string{1: "addr", 2: "ns", 5: "cname", 6: "mname", 28: "addr", 39: "dname"}

// algorithms are DNSSEC's (IANA registry "DNS Security Algorithm Numbers"), digests those of DS records.
var (
	algorithms = map[string]string{"1": "RSAMD5", "3": "DSA", "5": "RSASHA1", "6": "DSA-NSEC3-SHA1", "7": "RSASHA1-NSEC3-SHA1", "8": "RSASHA256",
		"10": "RSASHA512", "12": "ECC-GOST", "13": "ECDSAP256SHA256", "14": "ECDSAP384SHA384", "15": "ED25519", "16": "ED448"}
	digests = map[string]string{"1": "SHA-1", "2": "SHA-256", "3": "GOST R 34.11-94", "4": "SHA-384"}
)

// rdata adds size bytes of data of a type and returns it in short, "" if there is no short form.
func (m *dnsMessage) rdata(r *span, typ uint16, size int) string {
	if !r.fits("Data", size) {
		return ""
	}
	end := r.at + size
	parts, ok := dns.Parts(m.msg, typ, r.at-m.base, end-m.base)
	names := rdataNames[typ]
	if len(parts) == 0 && !ok {
		r.raw("Data", size)
		return ""
	}
	for i, p := range parts {
		n := p.End - p.Off
		switch p.Kind {
		case 'S':
			m.strings(r, names[i], n)
		case 'V':
			params(r, end)
		case 'c':
			tag := int(r.dec("Tag Length", 1))
			r.text("Tag", tag)
			r.text("Value", n-1-tag)
		default:
			if n > 0 {
				r.field(names[i], n, rdataText(names[i], typ, p.Text))
			}
		}
	}
	if left := end - r.at; left > 0 {
		r.raw("Malformed data", left)
	}
	return shortData(typ, parts)
}

// rdataText is the text of a field, with what it stands for where that is known.
func rdataText(name string, typ uint16, text string) string {
	switch {
	case name == "Algorithm" && typ != 44 && typ != 37:
		return named(algorithms[text], text)
	case name == "Digest Type":
		return named(digests[text], text)
	}
	return clip([]byte(text))
}

func named(name, number string) string {
	if name == "" {
		return number
	}
	return name + " (" + number + ")"
}

// strings adds n bytes of strings that have their lengths before them.
func (m *dnsMessage) strings(r *span, name string, n int) {
	for end := r.at + n; r.at < end && !r.done; {
		size := int(r.dec(name+" Length", 1))
		if size > 0 {
			r.text(name, size)
		}
	}
}

// params adds the parameters of an SVCB record (RFC 9460 §2.2) up to end.
func params(r *span, end int) {
	for r.at < end && !r.done {
		p := r.open("SvcParam")
		p.end = end
		key := uint16(p.peek(0, 2))
		p.value = dns.ParamName(key)
		p.enum("SvcParamKey", 2, p.value)
		n := int(p.dec("Length", 2))
		if p.fits("SvcParamValue", n) && n > 0 {
			text := clip([]byte(dns.ParamText(key, p.rest()[:n])))
			p.field("SvcParamValue", n, text)
			p.value += "=" + text
		}
		r.close(p)
	}
}

// shortData is what a list says of the data of the types that most look for.
func shortData(typ uint16, parts []dns.Part) string {
	if len(parts) == 0 {
		return ""
	}
	switch typ {
	case 1, 2, 5, 6, 28, 39:
		return dnsWords[typ] + " " + parts[0].Text
	case 12:
		return parts[0].Text
	case 13, dnsMX, dnsSRV:
		texts := make([]string, len(parts))
		for i, p := range parts {
			texts[i] = strings.Trim(p.Text, `"`)
		}
		return strings.Join(texts, " ")
	}
	return ""
}
