package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/doctor"
)

func newDoctor(io Stdio) *cobra.Command {
	var data string
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this machine and this user can do, and how to mend what is missing",
		Long: "Try what capturing, mirroring, tracing system calls and storing need of the kernel, of privileges and of the disk. Each line says what\n" +
			"was found and, behind an arrow, the command that mends it. The exit code is 1 if there is something to mend.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return diagnose(io, data, asJSON)
		},
	}
	dataFlag(c, &data)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	c.AddCommand(newDoctorConfig(io))
	return c
}

func diagnose(io Stdio, data string, asJSON bool) error {
	cfg := doctor.Config{Data: data, Program: "tapir", User: fmt.Sprint(os.Geteuid())}
	if path, err := os.Executable(); err == nil {
		cfg.Program = path
	}
	if u, err := user.LookupId(cfg.User); err == nil {
		cfg.User = u.Username
	}
	area, bad := "", 0
	enc := json.NewEncoder(io.Out)
	for _, f := range doctor.Run(cfg) {
		if !f.OK {
			bad++
		}
		if asJSON {
			if err := enc.Encode(&f); err != nil {
				return err
			}
			continue
		}
		if f.Area != area {
			area = f.Area
			fmt.Fprintln(io.Out, area)
		}
		fmt.Fprintf(io.Out, "  %s %-11s %s\n", mark(f.OK), f.Check, f.Found)
		if !f.OK {
			fmt.Fprintf(io.Out, "                → %s\n", f.Fix)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of these to mend", bad)
	}
	return nil
}

func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

// configFile is where configuration stands unless a command is told another place.
const configFile = "/etc/tapir/tapir.yaml"

func newDoctorConfig(io Stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "config [FILE]",
		Short: "Tell what a configuration file and the environment say, and what is wrong with it",
		Long: "Read " + configFile + ", or FILE, as the commands that use it do, and tell for each section who uses it and whether it is sound; then\n" +
			"the variables of the environment that count. Flags go before both.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return explainConfig(io, args)
		},
	}
}

func explainConfig(io Stdio, args []string) error {
	path := configFile
	if len(args) > 0 {
		path = args[0]
	}
	bad := 0
	b, err := os.ReadFile(path)
	switch {
	case os.IsNotExist(err) && len(args) == 0:
		fmt.Fprintf(io.Out, "%s is not there: flags and the environment are all there is\n", path)
	case err != nil:
		return err
	default:
		fmt.Fprintln(io.Out, path)
		sections, err := app.CheckConfig(b)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, s := range sections {
			if s.Err == nil {
				fmt.Fprintf(io.Out, "  ✓ %-12s %s; used by %s\n", s.Name, s.Found, s.User)
				continue
			}
			bad++
			fmt.Fprintf(io.Out, "  ✗ %-12s %s\n", s.Name, strings.ReplaceAll(strings.TrimSpace(s.Err.Error()), "\n", "\n    "))
		}
	}
	fmt.Fprintln(io.Out, "environment")
	from := "the default for this user"
	if os.Getenv("TAPIR_DATA") != "" {
		from = "by TAPIR_DATA"
	}
	fmt.Fprintf(io.Out, "  data directory  %s (%s; --data goes before)\n", defaultData(), from)
	if bad > 0 {
		return fmt.Errorf("%d sections of %s to mend", bad, path)
	}
	return nil
}
