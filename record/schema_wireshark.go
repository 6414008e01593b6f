package record

import (
	"slices"
	"strings"
)

// wiresharkNames are display names of Wireshark that people type from habit, each with a name of the field that
// answers to it. They stand here and not beside the fields because one of them often fits a field of another
// protocol's file. Names whose values mean something else there (tcp.flags.syn is a truth value) are left out.
var wiresharkNames = []struct{ name, field string }{
	{"ip.addr", "ip"}, {"ipv6.addr", "ip"}, {"ip.host", "host"},
	{"ip.src", "source.ip"}, {"ipv6.src", "source.ip"}, {"ip.src_host", "source.ip"},
	{"ip.dst", "destination.ip"}, {"ipv6.dst", "destination.ip"}, {"ip.dst_host", "destination.ip"},
	{"ip.proto", "network.iana_number"}, {"ipv6.nxt", "network.iana_number"},
	{"ip.ttl", "source.ttl"}, {"ipv6.hlim", "source.ttl"}, {"ip.dsfield.dscp", "source.dscp"},
	{"tcp.port", "port"}, {"udp.port", "port"}, {"sctp.port", "port"},
	{"tcp.srcport", "source.port"}, {"udp.srcport", "source.port"}, {"sctp.srcport", "source.port"},
	{"tcp.dstport", "destination.port"}, {"udp.dstport", "destination.port"}, {"sctp.dstport", "destination.port"},
	{"eth.addr", "mac"}, {"eth.src", "source.mac"}, {"eth.dst", "destination.mac"}, {"eth.type", "network.ethertype"},
	{"vlan.id", "network.vlan.id"}, {"mpls.label", "network.mpls.label"}, {"vxlan.vni", "network.vni"},
	{"frame.time", "event.start"}, {"frame.time_epoch", "event.start"}, {"frame.interface_name", "observer.ingress.interface.name"},
	{"http.host", "url.domain"}, {"http.request.uri", "http.uri"}, {"http.request.full_uri", "http.uri"},
	{"http.request.uri.path", "url.path"}, {"http.user_agent", "user_agent.original"},
	{"http.response.code", "http.response.status_code"}, {"http.file_data", "http.request.body.content"},
	{"http.x_forwarded_for", "http.xff_ip"},
	{"dns.qry.name", "dns.question.name"}, {"dns.qry.type", "dns.question.type"}, {"dns.qry.class", "dns.question.class"},
	{"dns.a", "dns.answers.ip"}, {"dns.aaaa", "dns.answers.ip"}, {"dns.cname", "dns.answers.cname"},
	{"dns.resp.name", "dns.answers.name"}, {"dns.resp.type", "dns.answers.type"}, {"dns.resp.ttl", "dns.answers.ttl"},
	{"dns.txt", "dns.answers.txt"}, {"dns.ns", "dns.answers.ns"}, {"dns.mx.mail_exchange", "dns.answers.mx"},
	{"dns.count.answers", "dns.answers_count"},
	{"tls.handshake.extensions_server_name", "tls.client.server_name"}, {"ssl.handshake.extensions_server_name", "tls.client.server_name"},
	{"tls.handshake.ja3", "tls.client.ja3"}, {"tls.handshake.ja3s", "tls.server.ja3s"}, {"tls.handshake.ja4", "tls.client.ja4"},
	{"x509ce.dNSName", "cert.alternative_names"},
	{"icmpv6.type", "icmp.type"}, {"icmpv6.code", "icmp.code"},
	{"dhcp.hw.mac_addr", "dhcp.mac"}, {"dhcp.option.hostname", "dhcp.host"}, {"dhcp.option.requested_ip_address", "dhcp.request_ip"},
	{"arp.src.proto_ipv4", "arp.ip"}, {"arp.src.hw_mac", "arp.mac"},
	{"ftp.request.command", "ftp.command"}, {"ftp.response.code", "ftp.response_code"},
	{"sip.Call-ID", "sip.callid"}, {"sip.Status-Code", "sip.statuscode"},
	{"smb2.filename", "smb.filename"}, {"smb.file", "smb.filename"},
	{"kerberos.CNameString", "krb5.cname"}, {"kerberos.realm", "krb5.realm"},
	{"ssh.protocol", "ssh.version"}, {"modbus.func_code", "modbus.function_code"},
}

// addWireshark gives the fields their further names. A name that a field already has stays with it.
func addWireshark(fields []Field, byName map[string]FieldID) {
	for _, w := range wiresharkNames {
		id, ok := byName[strings.ToLower(w.field)]
		if _, taken := byName[strings.ToLower(w.name)]; !ok || taken {
			continue
		}
		byName[strings.ToLower(w.name)] = id
		fields[id].Aliases = append(slices.Clip(fields[id].Aliases), w.name)
	}
}
