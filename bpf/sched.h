/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Signals that reach a process, and threads that take turns on a processor. Part of syscalls.bpf.c. */
#pragma once

struct siginfo_from { /* of those that a process sent */
	int _pid;
} relocated_;

union __sifields {
	struct siginfo_from _kill;
} relocated_;

struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
} relocated_;

enum { SIGCHLD = 17 };

SEC("tp_btf/signal_deliver")
int tapir_signal(u64 *ctx)
{
	struct kernel_siginfo *info = (void *)ctx[1];
	struct work *w;

	if (skipped() || filtered() || !(w = begin(SIGNAL, 0, 0, (int)ctx[0])) || full(w, signal_class))
		return 0;
	/* codes above 0 are the kernel's own; only those about children tell of a process */
	w->head.args[0] = get(info, si_code) <= 0 || ctx[0] == SIGCHLD ? get(info, _sifields._kill._pid) : 0;
	emit(w, signal_class);
	return 0;
}

/* Loaded only where somebody asks for it: it runs thousands of times a second. */
SEC("tp_btf/sched_switch")
int tapir_switch(u64 *ctx)
{
	struct task_struct *from = (void *)ctx[1], *to = (void *)ctx[2];
	struct mm_struct *mm = get(from, mm);
	struct work *w;

	if (!(w = begin(SWITCH, 0, 0, get(to, pid))) || full(w, switch_class))
		return 0;
	w->head.args[0] = get(from, maj_flt);
	w->head.args[1] = get(from, min_flt);
	w->head.args[2] = w->head.args[3] = w->head.args[4] = 0;
	if (mm)
		usage(mm, &w->head.args[2]);
	emit(w, switch_class);
	return 0;
}
