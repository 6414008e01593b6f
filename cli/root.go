package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/source"
)

// Stdio is where a command reads and writes.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitNoMatch     = 3
	exitPrivilege   = 4
	exitInterrupted = 130
)

// errNoMatch ends a command that found nothing; it prints nothing more.
var errNoMatch = errors.New("no match")

// errUsage is an error in how a command was called.
type errUsage struct{ error }

func usagef(format string, args ...any) error { return errUsage{fmt.Errorf(format, args...)} }

// Main runs one command and returns its exit code.
func Main(args []string, io Stdio) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // the first signal drains, the second ends at once
		<-ctx.Done()
		stop()
	}()
	root := newRoot(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return report(io.Err, err, ctx.Err() != nil)
}

// report prints err and gives the exit code for it.
func report(w io.Writer, err error, interrupted bool) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errNoMatch) {
		return exitNoMatch
	}
	if interrupted && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	var bad *query.Error
	if errors.As(err, &bad) {
		fmt.Fprintf(w, "tapir: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(w, "tapir: %v\n", err)
	var usage errUsage
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, source.ErrPermission):
		return exitPrivilege
	case strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "unknown flag"), strings.HasPrefix(err.Error(), "unknown shorthand"):
		return exitUsage
	}
	return exitError
}

func newRoot(io Stdio) *cobra.Command {
	root := &cobra.Command{
		Use:           "tapir",
		Short:         "Record what crosses a network, and answer questions about any past moment",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !isTerminal(io.Out) {
				c.SetOut(io.Err)
				c.Usage()
				return usagef("say what to do")
			}
			return home(io.Out, defaultData())
		},
	}
	profileFlag(root)
	root.SetIn(io.In)
	root.SetOut(io.Out)
	root.SetErr(io.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w (try: %s --help)", err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(newRecord(io), newImport(io), newRead(io), newSearch(io), newTail(io), newExport(io), newSQL(io), newServe(io),
		newMirror(io), newSFlow(io), newSys(io), newFields(io), newDevices(io), newDoctor(io), newStatus(io), newMan(io), newVersion(io))
	return root
}
