package http

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/prototest"
)

// TestCorpus plays the captures of TAPIR_CORPUS, of whatever protocol, in all the ways a network may deliver them:
// nothing may panic.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TAPIR_CORPUS")
	if dir == "" {
		t.Skip("TAPIR_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.pcap"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures in %s (%v)", dir, err)
	}
	for _, file := range files {
		frames := prototest.Read(t, file)
		for how := prototest.Whole; how <= prototest.ServerOnly; how++ {
			prototest.Play(t, []*proto.Protocol{Protocol}, frames, how)
		}
	}
}
