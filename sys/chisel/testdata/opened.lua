description = "Counts what is opened, by process.";
short_description = "Files opened";
category = "Test";

args = {
	{ name = "prefix", description = "what names begin with", argtype = "string", optional = true },
}

require "helper"

prefix = ""
counts = {}

function on_set_arg(name, val)
	prefix = val
	return true
end

function on_init()
	fname = chisel.request_field("fd.name")
	fproc = chisel.request_field("proc.name")
	fnum = chisel.request_field("evt.num")
	chisel.set_filter("evt.type in (open, openat) and evt.dir=< and fd.num>=0")
	return true
end

function on_event()
	local name = evt.field(fname)
	if starts(name, prefix) then
		print(evt.field(fnum), evt.get_type(), name, evt.field(fproc))
		counts[name] = (counts[name] or 0) + 1
	end
	return true
end

function on_capture_end()
	local n = 0
	for _, c in pairs(counts) do n = n + c end
	print(n .. " opened, " .. #sysdig.get_thread_table("proc.name=ls")  .. " " .. sysdig.get_output_format())
	return true
end
