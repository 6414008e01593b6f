package dhcp_test

import (
	"testing"

	"github.com/tapir-project/tapir/proto/dhcp"
	"github.com/tapir-project/tapir/proto/prototest"
)

func TestGolden(t *testing.T) { prototest.Golden(t, dhcp.Protocol, dhcp.Protocol6) }
