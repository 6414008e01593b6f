package sflowtool

import (
	"fmt"
	"strconv"
	"strings"
)

const maxVLAN = 4096

// VLANs says of which VLANs samples are written. A sample passes if the VLAN it came from or went to does.
type VLANs struct{ passes [maxVLAN + 1]bool }

// set lets VLANs pass or not: numbers and ranges, "0-20,4091".
func (v *VLANs) set(list string, pass bool) error {
	for _, part := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' }) {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseUint(first, 0, 16)
		b := a
		if err == nil && isRange {
			b, err = strconv.ParseUint(last, 0, 16)
		}
		if err != nil || a > maxVLAN || b > maxVLAN {
			return fmt.Errorf("VLANs %q: want numbers up to %d and ranges, like 0-20,4091", list, maxVLAN)
		}
		for i := a; i <= b; i++ {
			v.passes[i] = pass
		}
	}
	return nil
}

// ParseVLANs makes the filter of -V include and -v exclude; both empty is no filter, nil.
func ParseVLANs(include, exclude string) (*VLANs, error) {
	if include == "" && exclude == "" {
		return nil, nil
	}
	v := &VLANs{}
	if include == "" {
		for i := range v.passes {
			v.passes[i] = true
		}
	}
	if err := v.set(include, true); err != nil {
		return nil, err
	}
	return v, v.set(exclude, false)
}

func (v *VLANs) pass(f *flow) bool {
	return v == nil || v.passes[min(f.inVLAN, maxVLAN)] || v.passes[min(f.outVLAN, maxVLAN)]
}
