package mirror

import (
	"fmt"
	"strings"
)

// AppendMetrics appends the counters to dst in Prometheus's text exposition format 0.0.4. Rules are numbered from 1.
func (s *Status) AppendMetrics(dst []byte) []byte {
	family := func(name, help string, each func(line func(labels string, v uint64))) {
		dst = fmt.Appendf(dst, "# HELP %s %s\n# TYPE %s counter\n", name, help, name)
		each(func(labels string, v uint64) { dst = fmt.Appendf(dst, "%s{%s} %d\n", name, labels, v) })
	}
	sources := func(name, help string, v func(*SourceStatus) uint64) {
		family(name, help, func(line func(string, uint64)) {
			for i := range s.Sources {
				line(fmt.Sprintf(`source="%s"`, quoted(s.Sources[i].Name)), v(&s.Sources[i]))
			}
		})
	}
	outputs := func(name, help string, each func(o *OutputStatus, line func(more string, v uint64))) {
		family(name, help, func(line func(string, uint64)) {
			for i := range s.Rules {
				for j := range s.Rules[i].Outputs {
					o := &s.Rules[i].Outputs[j]
					each(o, func(more string, v uint64) {
						if o.Port != 0 {
							more = fmt.Sprintf(`,port="%d"%s`, o.Port, more)
						}
						line(fmt.Sprintf(`rule="%d",output="%s"%s`, i+1, quoted(o.Name), more), v)
					})
				}
			}
		})
	}
	sources("tapir_mirror_received_packets_total", "Packets that a source received.", func(s *SourceStatus) uint64 { return s.Packets })
	sources("tapir_mirror_received_bytes_total", "Bytes that a source received.", func(s *SourceStatus) uint64 { return s.Bytes })
	sources("tapir_mirror_broken_broadcasts_total", "Packets whose broadcast the kernel broke off, so that some outputs went without.",
		func(s *SourceStatus) uint64 { return s.Broken })
	family("tapir_mirror_left_out_packets_total", "Packets that a rule left out.", func(line func(string, uint64)) {
		for i, r := range s.Rules {
			line(fmt.Sprintf(`rule="%d",reason="filtered"`, i+1), r.Filtered)
			line(fmt.Sprintf(`rule="%d",reason="unsampled"`, i+1), r.Unsampled)
		}
	})
	outputs("tapir_mirror_sent_packets_total", "Copies handed to an output.", func(o *OutputStatus, line func(string, uint64)) { line("", o.Packets) })
	outputs("tapir_mirror_sent_bytes_total", "Bytes of copies handed to an output.", func(o *OutputStatus, line func(string, uint64)) { line("", o.Bytes) })
	outputs("tapir_mirror_truncated_packets_total", "Copies that were cut.", func(o *OutputStatus, line func(string, uint64)) { line("", o.Truncated) })
	outputs("tapir_mirror_dropped_packets_total", "Copies that were not sent.", func(o *OutputStatus, line func(string, uint64)) {
		line(`,reason="error"`, o.Errors)
		line(`,reason="away"`, o.Away)
		line(`,reason="too_big"`, o.TooBig)
		line(`,reason="capped"`, o.Capped)
		line(`,reason="dropped"`, o.Dropped)
	})
	outputs("tapir_mirror_device_dropped_packets_total", "Packets that the output's interface dropped, whoever sent them.",
		func(o *OutputStatus, line func(string, uint64)) { line("", o.DeviceDropped+o.DeviceErrors) })
	return dst
}

// quoted escapes a label's value.
func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
