package icmp_test

import (
	"testing"

	"github.com/tapir-project/tapir/proto/icmp"
	"github.com/tapir-project/tapir/proto/prototest"
)

func TestGolden(t *testing.T) { prototest.Golden(t, icmp.Protocol) }
