// Package all lists the protocols of a run in the order in which detection asks them. Adding a protocol is one line
// here.
package all

import (
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/arp"
	"github.com/tapir-project/tapir/proto/dhcp"
	"github.com/tapir-project/tapir/proto/dns"
	"github.com/tapir-project/tapir/proto/http"
	"github.com/tapir-project/tapir/proto/icmp"
	"github.com/tapir-project/tapir/proto/tls"
)

// Protocols lists them. Those whose first bytes say most come first.
func Protocols() []*proto.Protocol {
	return []*proto.Protocol{
		http.Protocol,
		tls.Protocol,
		tls.DTLS,
		dns.Protocol,
		dns.Multicast,
		dns.LinkLocal,
		dhcp.Protocol,
		dhcp.Protocol6,
		icmp.Protocol,
		arp.Protocol,
	}
}

// Set is Protocols arranged for detection.
func Set() *proto.Set { return proto.NewSet(Protocols()) }
