/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What of the user's filter is tested in the kernel: who calls. Ports are tested where sockets are found. Part of syscalls.bpf.c. */
#pragma once

volatile const u32 own = 0; /* process that is left out */

/* A set of numbers, or all but them. */
struct numbers {
	u32 count, except;
	u32 of[16];
};

struct names {
	u32 count, except;
	u64 of[8][2];
};

/* What of the user's filter is tested here. It does not hold for calls that change state. */
volatile const struct numbers processes = {0, 1, {}}, threads = {0, 1, {}};
volatile const struct names programs = {0, 1, {}};
volatile const u32 programs_only = 0; /* processes, threads or programs are not all wanted */
volatile const u32 sockets_only = 0; /* calls on sockets of IPv4 and IPv6 */
volatile const u32 ports_only = 0; /* ... with a port in `ports` */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64); /* a bit for each port */
} ports SEC(".maps");

/* skipped says whether the process at hand is left out. */
inline_ int skipped(void)
{
	return (u32)(current_id() >> 32) == own;
}

inline_ int has(volatile const struct numbers *s, u32 n)
{
	for (u32 i = 0; i < 16; i++) {
		if (i >= s->count)
			break;
		if (s->of[i] == n)
			return !s->except;
	}
	return s->except;
}

inline_ int named(const u64 *name)
{
	for (u32 i = 0; i < 8; i++) {
		if (i >= programs.count)
			break;
		if (programs.of[i][0] == name[0] && programs.of[i][1] == name[1])
			return 1;
	}
	return 0;
}

/* filtered says whether the filter leaves out what the thread at hand does. A thread may be named otherwise than its process. */
noinline_ int filtered(void)
{
	u64 id = current_id();
	u64 name[2];

	if (!has(&processes, id >> 32) || !has(&threads, id))
		return 1;
	if (!programs.count)
		return !programs.except;
	bpf_get_current_comm(name, sizeof(name));
	if (named(name))
		return programs.except;
	if (programs.except)
		return 0;
	if (id >> 32 != (u32)id) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct task_struct *leader = get(task, group_leader);

		bpf_probe_read_kernel(name, sizeof(name), &leader->comm);
		return !named(name);
	}
	return 1;
}
