/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Calls of 32-bit programs: other numbers, other registers, and one call for all that is done to sockets. Part of syscalls.bpf.c. */
#pragma once

enum { TS_COMPAT = 2 }; /* thread_info.status, x86 */
enum { TIF_32BIT = 22 }; /* bit of thread_info.flags, arm64 */
enum { SOCKETCALL = 102, SOCKETCALLS = 480 /* what it does is known by the number behind */, SOCKETCALL_LAST = 20 };

/* narrow says whether the task at hand is in a call of a 32-bit program. */
inline_ int narrow(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (exists(task, thread_info.status))
		return task->thread_info.status & TS_COMPAT;
	return task->thread_info.flags >> TIF_32BIT & 1;
}

/* known is the number by which calls has a call. */
inline_ u32 known(u32 number, struct pt_regs *regs)
{
	if (number >= CALLS - 1) {
		number = NO_CALL;
	} else if (narrow()) {
		if (number == SOCKETCALL && exists(regs, bx)) {
			u32 what = typed ? regs->bx : get(regs, bx);

			number = what <= SOCKETCALL_LAST ? SOCKETCALLS + what : CALLS - 1;
		}
		number += CALLS;
	}
	asm volatile("" : "+r"(number)); /* the compiler knows how large it is at most, the verifier does not */
	return number & (2 * CALLS - 1);
}

/* narrow_arguments takes the arguments of a 32-bit program's call. */
inline_ void narrow_arguments(struct work *w, struct pt_regs *regs)
{
	w->head.args[0] = (u32)get(regs, bx);
	w->head.args[1] = (u32)get(regs, cx);
	w->head.args[2] = (u32)get(regs, dx);
	w->head.args[3] = (u32)get(regs, si);
	w->head.args[4] = (u32)get(regs, di);
	w->head.args[5] = (u32)get(regs, bp);
	if (w->head.number > CALLS + SOCKETCALLS && w->head.number <= CALLS + SOCKETCALLS + SOCKETCALL_LAST) {
		u32 args[6] = {};

		bpf_probe_read_user(args, sizeof(args), (void *)w->head.args[1]);
		for (u32 i = 0; i < 6; i++)
			w->head.args[i] = args[i];
	}
}
