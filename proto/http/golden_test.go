package http

import (
	"testing"

	"github.com/tapir-project/tapir/proto/prototest"
)

func TestGolden(t *testing.T) { prototest.Golden(t, Protocol) }
