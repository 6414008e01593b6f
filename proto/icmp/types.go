package icmp

import "strconv"

// role is what a type of message is for.
type role uint8

const (
	notice   role = iota // neither asks nor answers
	request              // asks for a response from the same address
	response             // answers
	failure              // reports what became of another packet, which it quotes
)

// match is where a request and its response carry what pairs them.
type match uint8

const (
	byEcho   match = iota // identifier in bytes 4 and 5, sequence number in 6 and 7
	byProbe               // identifier in bytes 4 and 5, sequence number in 6 (RFC 8335 §2)
	byID                  // identifier in bytes 4 and 5 (RFC 6275 §6.5)
	byNonce               // nonce in bytes 8 to 15 (RFC 4620 §4)
	byTarget              // address in bytes 8 to 23 (RFC 4861 §4.3)
)

// kind describes a type of message.
type kind struct {
	name  string
	codes []string
	role  role
	asks  uint8 // type of the request, for a response
	match match
}

var kinds4 = [256]kind{
	0: {name: "EchoReply", role: response, asks: 8},
	3: {name: "DestinationUnreachable", role: failure, codes: []string{"Net", "Host", "Protocol", "Port", "FragmentationNeeded",
		"SourceRoutingFailed", "NetUnknown", "HostUnknown", "SourceIsolated", "NetAdminProhibited", "HostAdminProhibited",
		"NetTOS", "HostTOS", "CommAdminProhibited", "HostPrecedence", "PrecedenceCutoff"}},
	4:  {name: "SourceQuench", role: failure},
	5:  {name: "Redirect", codes: []string{"Net", "Host", "TOS+Net", "TOS+Host"}},
	8:  {name: "EchoRequest", role: request},
	9:  {name: "RouterAdvertisement"},
	10: {name: "RouterSolicitation"},
	11: {name: "TimeExceeded", role: failure, codes: []string{"TTLExceeded", "FragmentReassemblyTimeExceeded"}},
	12: {name: "ParameterProblem", role: failure, codes: []string{"PointerIndicatesError", "MissingOption", "BadLength"}},
	13: {name: "TimestampRequest", role: request},
	14: {name: "TimestampReply", role: response, asks: 13},
	15: {name: "InfoRequest", role: request},
	16: {name: "InfoReply", role: response, asks: 15},
	17: {name: "AddressMaskRequest", role: request},
	18: {name: "AddressMaskReply", role: response, asks: 17},
	30: {name: "Traceroute"},
	40: {name: "SecurityFailure"},
	42: {name: "ExtendedEchoRequest", role: request, match: byProbe},
	43: {name: "ExtendedEchoReply", role: response, asks: 42, match: byProbe,
		codes: []string{"NoError", "MalformedQuery", "NoSuchInterface", "NoSuchTableEntry", "MultipleInterfaces"}},
}

var kinds6 = [256]kind{
	1: {name: "DestinationUnreachable", role: failure, codes: []string{"NoRouteToDst", "AdminProhibited", "BeyondScopeOfSrc",
		"AddressUnreachable", "PortUnreachable", "SrcAddressFailedPolicy", "RejectRouteToDst", "ErrorInSourceRoutingHeader"}},
	2: {name: "PacketTooBig", role: failure},
	3: {name: "TimeExceeded", role: failure, codes: []string{"HopLimitExceeded", "FragmentReassemblyTimeExceeded"}},
	4: {name: "ParameterProblem", role: failure, codes: []string{"ErroneousHeaderField", "UnrecognizedNextHeader",
		"UnrecognizedIPv6Option", "IncompleteHeaderChain"}},
	128: {name: "EchoRequest", role: request},
	129: {name: "EchoReply", role: response, asks: 128},
	130: {name: "MulticastListenerQuery"},
	131: {name: "MulticastListenerReport"},
	132: {name: "MulticastListenerDone"},
	133: {name: "RouterSolicitation"},
	134: {name: "RouterAdvertisement"},
	135: {name: "NeighborSolicitation", role: request, match: byTarget},
	136: {name: "NeighborAdvertisement", role: response, asks: 135, match: byTarget},
	137: {name: "Redirect"},
	138: {name: "RouterRenumbering"},
	139: {name: "NodeInformationQuery", role: request, match: byNonce},
	140: {name: "NodeInformationReply", role: response, asks: 139, match: byNonce},
	141: {name: "InverseNeighborSolicitation"},
	142: {name: "InverseNeighborAdvertisement"},
	143: {name: "MulticastListenerReportV2"},
	144: {name: "HomeAgentAddressDiscoveryRequest", role: request, match: byID},
	145: {name: "HomeAgentAddressDiscoveryReply", role: response, asks: 144, match: byID},
	146: {name: "MobilePrefixSolicitation", role: request, match: byID},
	147: {name: "MobilePrefixAdvertisement", role: response, asks: 146, match: byID},
	148: {name: "CertificationPathSolicitation"},
	149: {name: "CertificationPathAdvertisement"},
	151: {name: "MulticastRouterAdvertisement"},
	152: {name: "MulticastRouterSolicitation"},
	153: {name: "MulticastRouterTermination"},
	155: {name: "RPLControl"},
	157: {name: "DuplicateAddressRequest"},
	158: {name: "DuplicateAddressConfirmation"},
	160: {name: "ExtendedEchoRequest", role: request, match: byProbe},
	161: {name: "ExtendedEchoReply", role: response, asks: 160, match: byProbe,
		codes: []string{"NoError", "MalformedQuery", "NoSuchInterface", "NoSuchTableEntry", "MultipleInterfaces"}},
}

// appendMessage appends type and code in words: Type, Type(Code), or numbers where there are no words.
func (k *kind) appendMessage(dst []byte, typ, code uint8) []byte {
	if k.name == "" {
		dst = append(strconv.AppendUint(dst, uint64(typ), 10), '(')
		return append(strconv.AppendUint(dst, uint64(code), 10), ')')
	}
	dst = append(dst, k.name...)
	switch {
	case int(code) < len(k.codes):
		dst = append(append(dst, '('), k.codes[code]...)
	case code != 0 || k.codes != nil:
		dst = strconv.AppendUint(append(dst, "(Code: "...), uint64(code), 10)
	default:
		return dst
	}
	return append(dst, ')')
}
