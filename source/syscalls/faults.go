package syscalls

import (
	"errors"
	"runtime"

	"github.com/tapir-project/tapir/scap"
)

// faults says whether page faults are to be told.
func (cfg *Config) faults() bool { return cfg.Faults || cfg.Plan.asks(faultEvent) }

// checkFaults says whether the kernel tells of page faults. tracepoint is what a tracepoint hands over, nil if there is none.
func checkFaults(tracepoint func(name string) []string) error {
	if runtime.GOARCH == "amd64" && len(tracepoint("page_fault_user")) == 3 && len(tracepoint("page_fault_kernel")) == 3 {
		return nil
	}
	return errors.New("page faults: this kernel does not tell of them (needs the tracepoints exceptions:page_fault_user and page_fault_kernel of x86; " +
		"leave out --page-faults, and page_fault from the filter)")
}

// faultFlags are the bits of the processor's error code (arch/x86/include/asm/trap_pf.h) with what they mean where they are set and where
// they are not.
var faultFlags = [...]struct{ bit, set, unset uint64 }{
	{1 << 0, 1 << 0, 1 << 1}, // the page is protected, or not present
	{1 << 1, 1 << 2, 1 << 3}, // written, or read
	{1 << 2, 1 << 4, 1 << 5}, // by a program, or by the kernel
	{1 << 3, 1 << 6, 0},      // reserved bits
	{1 << 4, 1 << 7, 0},      // fetched as an instruction
}

// fault adds the parameters of a page fault.
func (d *decoder) fault() {
	d.number(scap.Uint64, d.args[0])
	d.number(scap.Uint64, d.args[1])
	flags := uint64(0)
	for _, f := range faultFlags {
		if d.args[2]&f.bit != 0 {
			flags |= f.set
		} else {
			flags |= f.unset
		}
	}
	d.number(scap.Flags32, flags)
}
