package arp_test

import (
	"testing"

	"github.com/tapir-project/tapir/proto/arp"
	"github.com/tapir-project/tapir/proto/prototest"
)

func TestGolden(t *testing.T) { prototest.Golden(t, arp.Protocol) }
