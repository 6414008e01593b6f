package chisel

import (
	"slices"
	"strings"
)

// chisels are all chisels, by category and name.
var chisels = collect()

func collect() []Chisel {
	one := func(category, name, short string, start func(*Env, []string) (*Run, error), args ...Arg) Chisel {
		return Chisel{Name: name, Category: category, Short: short, Desc: short + ".", Args: args, start: start}
	}
	ms := Arg{"min_ms", "The least that is shown, in ms", "int", false}
	out := []Chisel{
		one("Application", "httplog", "HTTP requests with their responses", httpLog),
		one("Application", "httptop", "HTTP requests by number, time or bytes", httpTop, Arg{"by", "ncalls, time or bytes", "string", true}),
		one("Application", "memcachelog", "memcached's gets and sets", memcacheLog, Arg{"method", "get or set", "string", true}, Arg{"size", "the least size that is shown", "int", true}),
		one("CPU Usage", "spectrogram", "Latencies of calls as colors, live", terminalOnly(spectrogram), Arg{"refresh_time", "ms for each line", "int", true}),
		one("CPU Usage", "subsecoffset", "When within a second calls happen, as colors", terminalOnly(offsets)),
		one("I/O", "echo_fds", "What is read and written", echoFDs, colorArg),
		one("I/O", "fdcount_by", "Descriptors counted by any field", countFDs, Arg{"key", "The field that is grouped by", "string", false}),
		one("I/O", "iobytes", "Bytes read and written each second", ioBytes("evt.is_io=true")),
		one("I/O", "iobytes_file", "Bytes read and written in files each second", ioBytes("evt.is_io=true and fd.type=file")),
		one("I/O", "spy_file", "What is read and written in files", spyFile, Arg{"read_or_write", "R, W or RW", "string", true}, Arg{"spy_on_file_name", "The one file that is watched", "string", true}),
		one("I/O", "stderr", "What processes write to standard error", stdio(2), colorArg),
		one("I/O", "stdin", "What processes read from standard input", stdio(0)),
		one("I/O", "stdout", "What processes write to standard output", stdio(1)),
		one("I/O", "udp_extract", "What UDP flows carry, into files", udpExtract),
		one("Logs", "spy_logs", "What is written to log files", spyLogs, fileArg, rangeArg, colorArg),
		one("Logs", "spy_syslog", "Messages to the system's log", spySyslog, fileArg, rangeArg, colorArg),
		one("Misc", "around", "The events around those of a filter, into a file", around, Arg{fileArg.Name, fileArg.Desc, fileArg.Type, false}, rangeArg),
		one("Net", "iobytes_net", "Bytes on the network each second", ioBytes(netFilter)),
		one("Net", "spy_ip", "What goes to and comes from an address", spyNet("fd.ip"), Arg{"host_ip", "The address", "ipv4", false}, colorArg),
		one("Net", "spy_port", "What goes to and comes from a port", spyNet("fd.port"), Arg{"host_port", "The port", "int", false}, colorArg),
		one("Performance", "bottlenecks", "The ten slowest calls", bottlenecks),
		one("Performance", "fileslower", "Slow reads and writes of files", slower("evt.is_io=true and fd.type=file", false), ms, colorArg),
		one("Performance", "netlower", "Slow reads and writes on the network", slower(netFilter, true), ms, colorArg),
		one("Performance", "proc_exec_time", "How long processes ran", execTime, colorArg),
		one("Performance", "scallslower", "Slow calls", slowCalls, ms, colorArg),
		one("Security", "list_login_shells", "The login shells with commands", loginShells, Arg{"command", "Part of a command's name; * for any", "string", true}, Arg{"arguments", "Part of its arguments", "string", true}),
		one("Security", "shellshock_detect", "Functions in the environment of shells (CVE-2014-6271)", shellshock),
		one("Security", "spy_users", "What people type", spyUsers, Arg{"max_depth", "How deep below a shell", "int", true}, colorArg),
		one("System State", "lscontainers", "The containers", snapshot(listContainers, "", true)),
		one("System State", "lsof", "The open descriptors", snapshot(lsof, "", false), filterArg),
		one("System State", "netstat", "The network sockets", snapshot(netstat, "(fd.type=ipv4 or fd.type=ipv6)", false), filterArg),
		one("System State", "ps", "The threads", snapshot(ps, "", false), filterArg),
		one("Tracers", "tracers_2_statsd", "Tracers to statsd", obsolete("tracers_2_statsd: captures have had no tracers since 2021")),
	}
	for i := range tables {
		out = append(out, tables[i].chisel())
	}
	slices.SortFunc(out, func(a, b Chisel) int {
		if c := strings.Compare(a.Category, b.Category); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}
