// Command tapir records what crosses a network and answers questions about any past moment. See package cli for its
// commands and docs/ARCHITECTURE.md for how it is built.
package main

import (
	"os"

	"github.com/tapir-project/tapir/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
