package query

import "strings"

// services are ports that a query may name, by the names of IANA's registry and a few common ones beside them. Where
// a service has several ports the first is the usual one.
var services = map[string]uint16{
	"echo": 7, "discard": 9, "daytime": 13, "qotd": 17, "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23,
	"smtp": 25, "time": 37, "whois": 43, "tacacs": 49, "domain": 53, "dns": 53, "bootps": 67, "dhcp": 67, "bootpc": 68,
	"tftp": 69, "gopher": 70, "finger": 79, "http": 80, "www": 80, "kerberos": 88, "iso-tsap": 102, "pop3": 110,
	"sunrpc": 111, "portmapper": 111, "ident": 113, "auth": 113, "nntp": 119, "ntp": 123, "epmap": 135, "msrpc": 135,
	"netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap": 143, "snmp": 161, "snmptrap": 162, "xdmcp": 177,
	"bgp": 179, "irc": 194, "ldap": 389, "svrloc": 427, "https": 443, "microsoft-ds": 445, "smb": 445, "kpasswd": 464,
	"submissions": 465, "smtps": 465, "isakmp": 500, "ike": 500, "modbus": 502, "exec": 512, "login": 513, "shell": 514,
	"syslog": 514, "printer": 515, "talk": 517, "ntalk": 518, "rip": 520, "dhcpv6-client": 546, "dhcpv6-server": 547,
	"afpovertcp": 548, "afp": 548, "rtsp": 554, "nntps": 563, "submission": 587, "ipp": 631, "ldaps": 636, "msdp": 639,
	"ldp": 646, "dhcp-failover": 647, "rsync": 873, "domain-s": 853, "dot": 853, "ftps-data": 989, "ftps": 990, "telnets": 992,
	"imaps": 993, "ircs": 994, "pop3s": 995, "socks": 1080, "openvpn": 1194, "ms-sql-s": 1433, "mssql": 1433, "ms-sql-m": 1434,
	"oracle": 1521, "l2tp": 1701, "l2f": 1701, "pptp": 1723, "radius": 1812, "radius-acct": 1813, "mqtt": 1883, "ssdp": 1900,
	"msnp": 1863, "hsrp": 1985, "nfs": 2049, "zookeeper": 2181, "docker": 2375, "docker-s": 2376, "etcd-client": 2379,
	"etcd-server": 2380, "cisco-sccp": 2000, "mgcp": 2427, "iscsi-target": 3260, "iscsi": 3260, "ms-wbt-server": 3389,
	"rdp": 3389, "mysql": 3306, "stun": 3478, "turn": 3478, "stuns": 5349, "turns": 5349, "svn": 3690, "diameter": 3868,
	"ipsec-nat-t": 4500, "vxlan": 4789, "sip": 5060, "sips": 5061, "xmpp-client": 5222, "xmpp": 5222, "xmpp-server": 5269,
	"mdns": 5353, "llmnr": 5355, "postgresql": 5432, "postgres": 5432, "amqp": 5672, "amqps": 5671, "coap": 5683, "coaps": 5684,
	"winrm": 5985, "wsman": 5985, "wsmans": 5986, "vnc": 5900, "rfb": 5900, "x11": 6000, "geneve": 6081, "redis": 6379,
	"sflow": 6343, "ircd": 6667, "ircu": 6667, "http-alt": 8080, "http-proxy": 8080, "https-alt": 8443, "mqtts": 8883, "secure-mqtt": 8883,
	"cassandra": 9042, "kafka": 9092, "elasticsearch": 9200, "jetdirect": 9100, "bacnet": 47808, "enip": 44818, "dnp": 20000,
	"dnp3": 20000, "opcua": 4840, "ptp-event": 319, "ptp-general": 320, "memcache": 11211, "memcached": 11211, "git": 9418, "nsca": 5667,
	"wireguard": 51820, "mongodb": 27017, "mongo": 27017, "tzsp": 37008, "netflow": 2055, "ipfix": 4739, "gtp-c": 2123, "gtp-u": 2152,
	"s7comm": 102, "zabbix-agent": 10050, "zabbix-trapper": 10051, "rabbitmq": 5672, "couchdb": 5984, "rmiregistry": 1099, "quic": 443,
}

// servicePort is the port of a service's name.
func servicePort(name string) (int64, bool) {
	p, ok := services[strings.ToLower(name)]
	return int64(p), ok
}

// secondNames are names of ports that have another one in IANA's registry.
var secondNames = map[string]bool{"dns": true, "dhcp": true, "www": true, "portmapper": true, "ident": true, "msrpc": true, "smb": true,
	"smtps": true, "ike": true, "shell": true, "afp": true, "dot": true, "mssql": true, "iscsi-target": true, "rdp": true, "turn": true,
	"turns": true, "xmpp": true, "postgres": true, "rabbitmq": true, "wsman": true, "vnc": true, "http-proxy": true, "mqtts": true,
	"dnp3": true, "memcached": true, "mongo": true, "s7comm": true, "quic": true}

var serviceNames = func() map[uint16]string {
	out := make(map[uint16]string, len(services))
	for name, port := range services {
		if !secondNames[name] && (out[port] == "" || name < out[port]) {
			out[port] = name
		}
	}
	return out
}()

// ServiceName is the name of the service that has the port; "" if none has.
func ServiceName(port uint16) string { return serviceNames[port] }

// ServicePort is the port of a service's name.
func ServicePort(name string) (uint16, bool) {
	p, ok := servicePort(name)
	return uint16(p), ok
}
