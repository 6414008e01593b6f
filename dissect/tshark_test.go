package dissect

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/packet"
)

// sharkFields are the fields of tshark that are compared, and what they are called here. What begins with = is compared with the
// value that tshark shows, too.
var sharkFields = map[string]string{
	"dns.id": "=Transaction ID", "dns.flags": "Flags", "dns.flags.opcode": "Opcode", "dns.flags.rcode": "Reply code",
	"dns.count.queries": "=Questions", "dns.count.answers": "=Answer RRs", "dns.count.auth_rr": "=Authority RRs", "dns.count.add_rr": "=Additional RRs",
	"dns.qry.name": "Name", "dns.qry.type": "Type", "dns.qry.class": "Class", "dns.resp.name": "Name", "dns.resp.type": "Type", "dns.resp.class": "Class",
	"dns.resp.ttl": "Time to live", "dns.resp.len": "=Data length", "dns.a": "=Address", "dns.aaaa": "=AAAA Address", "dns.ns": "=Name Server",
	"dns.cname": "=CNAME", "dns.mx.preference": "=Preference", "dns.mx.mail_exchange": "=Mail Exchange", "dns.soa.mname": "=Primary name server",
	"dns.soa.rname": "=Responsible authority's mailbox", "dns.soa.serial_number": "=Serial Number", "dns.soa.mininum_ttl": "=Minimum TTL",
	"dns.srv.priority": "=Priority", "dns.srv.weight": "=Weight", "dns.srv.port": "=Port", "dns.srv.target": "=Target", "dns.txt": "=TXT",
	"dns.txt.length": "=TXT Length", "dns.rr.udp_payload_size": "=UDP payload size", "dns.resp.edns0_version": "=EDNS version",
	"dns.opt.code": "Code", "dns.opt.len": "=Length", "dns.rrsig.key_tag": "=Key Tag", "dns.rrsig.signers_name": "=Signer's name",
	"dns.rrsig.signature": "Signature", "dns.ds.key_id": "=Key Tag", "dns.dnskey.flags": "Flags", "dns.caa.tag": "=Tag", "dns.caa.value": "=Value",
	"dns.svcb.svcparam.key": "SvcParamKey", "dns.svcb.svcparam.length": "=Length", "dns.length": "=Length",

	"dhcp.type": "Message type", "dhcp.hw.type": "Hardware type", "dhcp.hw.len": "=Hardware address length", "dhcp.hops": "=Hops", "dhcp.id": "=Transaction ID",
	"dhcp.secs": "=Seconds elapsed", "dhcp.flags": "=Bootp flags", "dhcp.ip.client": "=Client IP address", "dhcp.ip.your": "=Your (client) IP address",
	"dhcp.ip.server": "=Next server IP address", "dhcp.ip.relay": "=Relay agent IP address", "dhcp.hw.mac_addr": "=Client MAC address",
	"dhcp.hw.addr_padding": "=Client hardware address padding", "dhcp.cookie": "Magic cookie", "dhcp.option.length": "=Length", "dhcp.option.type": "Option:",
	"dhcp.option.hostname": "=Value", "dhcp.option.subnet_mask": "=Value", "dhcp.option.request_list_item": "Parameter Request List Item",
	"dhcp.option.dhcp": "DHCP", "dhcp.option.ip_address_lease_time": "Value", "dhcp.option.dhcp_server_id": "=Value",

	"tls.record.content_type": "Content Type", "tls.record.version": "Version", "tls.record.length": "=Length", "tls.handshake.type": "Handshake Type",
	"tls.handshake.length": "=Length", "tls.handshake.version": "Version", "tls.handshake.random": "Random", "tls.handshake.session_id_length": "=Session ID Length",
	"tls.handshake.session_id": "Session ID", "tls.handshake.cipher_suites_length": "=Cipher Suites Length", "tls.handshake.ciphersuite": "Cipher Suite",
	"tls.handshake.comp_method": "Compression Method", "tls.handshake.extensions_length": "=Extensions Length", "tls.handshake.extension.type": "Type",
	"tls.handshake.extension.len": "=Length", "tls.handshake.extensions_server_name": "=Server Name", "tls.handshake.extensions_alpn_str": "=ALPN Next Protocol",
	"tls.handshake.extensions_supported_group": "Supported Group", "tls.handshake.sig_hash_alg": "Signature Algorithm",
	"tls.handshake.extensions.supported_version": "Supported Version", "tls.handshake.extensions_key_share_group": "Group",
	"tls.handshake.extensions_key_share_key_exchange": "Key Exchange", "tls.handshake.certificate_length": "=Certificate Length",
	"tls.handshake.certificates_length": "=Certificates Length", "tls.app_data": "Encrypted Application Data", "tls.alert_message.level": "Level",
	"tls.alert_message.desc": "Description", "tls.heartbeat_message.type": "Type",

	"http.request.method": "=Request Method", "http.request.uri": "=Request URI", "http.request.version": "=Request Version", "http.response.code": "=Status Code",
	"http.response.version": "=Response Version", "http.response.phrase": "=Response Phrase", "http.host": "=Host", "http.user_agent": "=User-Agent",
	"http.server": "=Server", "http.content_type": "=Content-Type", "http.location": "=Location", "http.date": "=Date",

	"ntp.flags": "Flags", "ntp.stratum": "Peer Clock Stratum", "ntp.rootdelay": "Root Delay", "ntp.refid": "Reference ID", "ntp.reftime": "Reference Timestamp",
	"ntp.org": "Origin Timestamp", "ntp.xmt": "Transmit Timestamp",
	"quic.version": "Version", "quic.dcil": "=Destination Connection ID Length", "quic.dcid": "Destination Connection ID", "quic.scil": "=Source Connection ID Length",
	"quic.scid": "Source Connection ID", "quic.token_length": "=Token Length", "ssh.packet_length": "=Packet Length", "ssh.padding_length": "=Padding Length",
	"ssh.message_code": "Message Code", "ssh.kex_algorithms": "=kex_algorithms", "ssh.cookie": "Cookie",
}

// sharkField is a field of tshark's output, or a protocol, which has fields.
type sharkField struct {
	Name   string       `xml:"name,attr"`
	Show   string       `xml:"show,attr"`
	Pos    int          `xml:"pos,attr"`
	Size   int          `xml:"size,attr"`
	Fields []sharkField `xml:"field"`
	Protos []sharkField `xml:"proto"`
}

// each calls do for f and all below it.
func (f *sharkField) each(do func(*sharkField)) {
	do(f)
	for _, list := range [][]sharkField{f.Fields, f.Protos} {
		for i := range list {
			list[i].each(do)
		}
	}
}

// shark calls do with what tshark reads in each packet of a capture, taken alone.
func shark(t *testing.T, name string, do func(number int, fields *sharkField)) {
	t.Helper()
	args := []string{"-n", "-r", name, "-T", "pdml"}
	for _, option := range []string{"tcp.desegment_tcp_streams:FALSE", "http.desegment_headers:FALSE", "http.desegment_body:FALSE", "tls.desegment_ssl_records:FALSE",
		"tls.desegment_ssl_application_data:FALSE", "ip.defragment:FALSE"} {
		args = append(args, "-o", option)
	}
	cmd := exec.CommandContext(t.Context(), "tshark", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(out)
	for number := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "packet" {
			var f sharkField
			if err := d.DecodeElement(&f, &e); err != nil {
				t.Fatal(err)
			}
			number++
			do(number, &f)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// place is where a node or a field is, and what it is called.
type place struct {
	name     string
	off, len int
}

// places adds all nodes.
func places(at map[place][]string, ns []packet.Node) {
	for _, n := range ns {
		name := n.Name
		if strings.HasPrefix(name, "Option:") {
			name = "Option:"
		}
		p := place{name, n.Off, n.Len}
		at[p] = append(at[p], n.Value)
		places(at, n.Children)
	}
}

// TestAgainstTshark holds that the fields that tshark reads in the bundled captures are at the same places here, and have the same
// values. TAPIR_CORPUS may name a folder of further captures.
func TestAgainstTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed (packaging/setup.sh test installs it)")
	}
	names := []string{"../testdata/apache.pcap", "../testdata/tls.pcap", "../proto/dns/testdata/bind.pcap", "../proto/dns/testdata/mdns.pcap",
		"../proto/dhcp/testdata/v4.pcap", "../proto/tls/testdata/tls13.pcap", "../proto/http/testdata/messages.pcap"}
	if dir := os.Getenv("TAPIR_CORPUS"); dir != "" {
		more, _ := filepath.Glob(filepath.Join(dir, "*.pcap"))
		names = append(names, more...)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ps := packets(t, name)
			compared := map[string]int{}
			shark(t, name, func(number int, fields *sharkField) {
				ns, _, ok := Tree(&ps[number-1], Session{})
				if !ok {
					return
				}
				at := map[place][]string{}
				places(at, application(&ps[number-1], ns))
				fields.each(func(f *sharkField) {
					want, known := sharkFields[f.Name]
					if !known || f.Size == 0 || differsFromTshark(f, number, name) {
						return
					}
					name, value := strings.CutPrefix(want, "=")
					got, ok := at[place{name, f.Pos, f.Size}]
					switch {
					case !ok:
						t.Errorf("packet %d: %s %q: no %s at %d+%d", number, f.Name, f.Show, name, f.Pos, f.Size)
					case value && !slices.ContainsFunc(got, func(v string) bool { return sameValue(v, f.Show) }):
						t.Errorf("packet %d: %s at %d: tshark has %q, we %q", number, f.Name, f.Pos, f.Show, got)
					default:
						compared[f.Name]++
					}
				})
			})
			if testing.Verbose() {
				fmt.Println(name, compared)
			}
			if len(compared) < 10 && os.Getenv("TAPIR_CORPUS") == "" {
				t.Errorf("only %d fields were compared", len(compared))
			}
		})
	}
}

// sameValue compares a value with tshark's writing of it.
func sameValue(ours, theirs string) bool {
	a, errA := strconv.ParseUint(ours, 0, 64)
	b, errB := strconv.ParseUint(theirs, 0, 64)
	return strings.EqualFold(ours, theirs) || ours == strings.ReplaceAll(theirs, ":", "") || errA == nil && errB == nil && a == b
}

// differsFromTshark says which fields tshark is known to read otherwise.
func differsFromTshark(f *sharkField, number int, name string) bool {
	switch f.Name {
	case "dns.resp.type":
		return f.Size == 1 // a bit of a type bitmap
	case "dhcp.option.type":
		return f.Show == "0" || number == 10 && filepath.Base(name) == "v4.pcap" // padding is one node; that message is malformed
	}
	return false
}
