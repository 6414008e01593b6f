package dns_test

import (
	"testing"

	"github.com/tapir-project/tapir/proto/dns"
	"github.com/tapir-project/tapir/proto/prototest"
)

func TestGolden(t *testing.T) {
	prototest.Golden(t, dns.Protocol, dns.Multicast, dns.LinkLocal)
}
