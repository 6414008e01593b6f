package dhcp

import "strconv"

// types4 are the message types of version 4 (RFC 2132 §9.6 and the IANA registry).
var types4 = [...]string{1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE", 8: "INFORM",
	9: "FORCERENEW", 10: "LEASEQUERY", 11: "LEASEUNASSIGNED", 12: "LEASEUNKNOWN", 13: "LEASEACTIVE", 14: "BULKLEASEQUERY",
	15: "LEASEQUERYDONE", 16: "ACTIVELEASEQUERY", 17: "LEASEQUERYSTATUS", 18: "TLS"}

// types6 are the message types of version 6 (RFC 8415 §7.3 and the IANA registry).
var types6 = [...]string{1: "SOLICIT", 2: "ADVERTISE", 3: "REQUEST", 4: "CONFIRM", 5: "RENEW", 6: "REBIND", 7: "REPLY", 8: "RELEASE",
	9: "DECLINE", 10: "RECONFIGURE", 11: "INFORMATION_REQUEST", 12: "RELAY_FORW", 13: "RELAY_REPL", 14: "LEASEQUERY",
	15: "LEASEQUERY_REPLY", 16: "LEASEQUERY_DONE", 17: "LEASEQUERY_DATA", 18: "RECONFIGURE_REQUEST", 19: "RECONFIGURE_REPLY",
	20: "DHCPV4_QUERY", 21: "DHCPV4_RESPONSE", 22: "ACTIVELEASEQUERY", 23: "STARTTLS", 24: "BNDUPD", 25: "BNDREPLY", 26: "POOLREQ",
	27: "POOLRESP", 28: "UPDREQ", 29: "UPDREQALL", 30: "UPDDONE", 31: "CONNECT", 32: "CONNECTREPLY", 33: "DISCONNECT", 34: "STATE",
	35: "CONTACT", 36: "ADDR_REG_INFORM", 37: "ADDR_REG_REPLY"}

// hardware are the kinds of hardware addresses (IANA registry "Hardware Types").
var hardware = map[uint8]string{1: "Ethernet", 2: "Experimental Ethernet", 3: "Amateur Radio AX.25", 4: "Proteon ProNET Token Ring", 5: "Chaos",
	6: "IEEE 802", 7: "ARCNET", 8: "Hyperchannel", 9: "Lanstar", 10: "Autonet Short Address", 11: "LocalTalk", 12: "LocalNet",
	13: "Ultra link", 14: "SMDS", 15: "Frame Relay", 16: "ATM", 17: "HDLC", 18: "Fibre Channel", 19: "ATM 2", 20: "Serial Line",
	24: "IEEE 1394", 27: "EUI-64", 31: "IPsec tunnel", 32: "InfiniBand", 37: "Ethernet 2"}

// optionNames are the options of version 4, as the sections of RFC 2132 and the IANA registry call them.
var optionNames = [256]string{
	1: "Subnet Mask", 2: "Time Offset", 3: "Router", 4: "Time Server", 5: "Name Server", 6: "Domain Name Server", 7: "Log Server",
	8: "Quote Server", 9: "LPR Server", 10: "Impress Server", 11: "Resource Location Server", 12: "Host Name", 13: "Boot File Size",
	14: "Merit Dump File", 15: "Domain Name", 16: "Swap Server", 17: "Root Path", 18: "Extensions Path",
	19: "IP Forwarding enable/disable", 20: "Non-local Source Routing enable/disable", 21: "Policy Filter",
	22: "Maximum Datagram Reassembly Size", 23: "Default IP Time-to-live", 24: "Path MTU Aging Timeout", 25: "Path MTU Plateau Table",
	26: "Interface MTU", 27: "All Subnets Are Local", 28: "Broadcast Address", 29: "Perform Mask Discovery", 30: "Mask Supplier",
	31: "Perform Router Discovery", 32: "Router Solicitation Address", 33: "Static Routing Table", 34: "Trailer Encapsulation",
	35: "ARP Cache Timeout", 36: "Ethernet Encapsulation", 37: "Default TCP TTL", 38: "TCP Keepalive Interval",
	39: "TCP Keepalive Garbage", 40: "Network Information Service Domain", 41: "Network Information Servers", 42: "NTP Servers",
	43: "Vendor Specific Information", 44: "NetBIOS over TCP/IP Name Server", 45: "NetBIOS over TCP/IP Datagram Distribution Server",
	46: "NetBIOS over TCP/IP Node Type", 47: "NetBIOS over TCP/IP Scope", 48: "X Window System Font Server",
	49: "X Window System Display Manager", 50: "Requested IP Address", 51: "IP Addresses Lease Time", 52: "Option Overload",
	53: "DHCP Message Type", 54: "Server Identifier", 55: "Parameter Request List", 56: "Message", 57: "Maximum DHCP Message Size",
	58: "Renew Time Value", 59: "Rebinding Time Value", 60: "Class Identifier", 61: "Client identifier",
	62: "NetWare/IP Domain Name", 63: "NetWare/IP Information", 64: "Network Information Service+ Domain",
	65: "Network Information Service+ Servers", 66: "TFTP Server Name", 67: "Bootfile Name", 68: "Mobile IP Home Agent",
	69: "Simple Mail Transport Protocol Server", 70: "Post Office Protocol Server", 71: "Network News Transport Protocol Server",
	72: "Default World Wide Web Server", 73: "Default Finger Server", 74: "Default Internet Relay Chat Server",
	75: "StreetTalk Server", 76: "StreetTalk Directory Assistance Server", 77: "User Class Information", 78: "SLP Directory Agent",
	79: "SLP Service Scope", 80: "Rapid Commit", 81: "FQDN", 82: "Relay Agent Information", 83: "Internet Storage Name Service",
	85: "NDS Servers", 86: "NDS Tree Name", 87: "NDS Context", 88: "BCMCS Controller Domain Name list",
	89: "BCMCS Controller IPv4 address list", 90: "Authentication", 91: "Client Last Transaction Time", 92: "Associated IP",
	93: "Client System Architecture Type", 94: "Client Network Interface Identifier", 95: "LDAP", 97: "Client Machine Identifier",
	98: "Open Group's User Authentication", 99: "GEOCONF_CIVIC", 100: "IEEE 1003.1 TZ String", 101: "Reference to the TZ Database",
	108: "IPv6-Only Preferred", 109: "DHCP Captive-Portal", 112: "NetInfo Parent Server Address", 113: "NetInfo Parent Server Tag",
	114: "DHCP Captive-Portal", 116: "Auto-Configure", 117: "Name Service Search", 118: "Subnet Selection", 119: "DNS Domain Search List",
	120: "SIP Servers", 121: "Classless Static Route", 122: "CCC, CableLabs Client Configuration", 123: "GeoConf",
	124: "Vendor-Identifying Vendor Class", 125: "Vendor-Identifying Vendor-Specific", 128: "TFTP Server IP Address",
	129: "Call Server IP address", 130: "Discrimination string", 131: "Remote statistics server IP address", 132: "IEEE 802.1Q VLAN ID",
	133: "IEEE 802.1D/p Layer 2 Priority", 134: "Diffserv Code Point", 135: "HTTP Proxy for phone-specific applications",
	136: "PANA Authentication Agent", 137: "LoST Server", 138: "CAPWAP Access Controller Addresses", 139: "OPTION-IPv4_Address-MoS",
	140: "OPTION-IPv4_FQDN-MoS", 141: "SIP UA Configuration Service Domains", 142: "OPTION-IPv4_Address-ANDSF", 144: "GeoLoc",
	145: "FORCERENEW_NONCE_CAPABLE", 146: "RDNSS Selection", 150: "TFTP server address", 151: "status-code", 152: "base-time",
	153: "start-time-of-state", 154: "query-start-time", 155: "query-end-time", 156: "dhcp-state", 157: "data-source",
	158: "OPTION_V4_PCP_SERVER", 159: "OPTION_V4_PORTPARAMS", 160: "DHCP Captive-Portal", 161: "OPTION_MUD_URL_V4",
	162: "OPTION_V4_DNR", 175: "Etherboot", 208: "PXELINUX Magic", 209: "Configuration File", 210: "Path Prefix", 211: "Reboot Time",
	212: "OPTION_6RD", 213: "OPTION_V4_ACCESS_DOMAIN", 220: "Subnet Allocation", 221: "Virtual Subnet Selection", 252: "Web Proxy Auto-Discovery",
}

// appendOptionName appends an option's name, or its number.
func appendOptionName(dst []byte, code uint8) []byte {
	if name := optionNames[code]; name != "" {
		return append(dst, name...)
	}
	return append(strconv.AppendUint(append(dst, "unknown ("...), uint64(code), 10), ')')
}

// statuses6 are the status codes of version 6 (RFC 8415 §21.13 and the IANA registry).
var statuses6 = [...]string{"Success", "UnspecFail", "NoAddrsAvail", "NoBinding", "NotOnLink", "UseMulticast", "NoPrefixAvail",
	"UnknownQueryType", "MalformedQuery", "NotConfigured", "NotAllowed", "QueryTerminated", "DataMissing", "CatchUpComplete",
	"NotSupported", "TLSConnectionRefused", "AddressInUse", "ConfigurationConflict", "MissingBindingInformation",
	"OutdatedBindingInformation", "ServerShuttingDown", "DNSUpdateNotSupported", "ExcessiveTimeSkew"}
