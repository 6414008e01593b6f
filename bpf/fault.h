/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Page faults, of programs and of the kernel on their behalf. Part of syscalls.bpf.c. Loaded only where somebody asks for them: each new
 * page of each process is one. */
#pragma once

struct task_struct___faulting {
	int pagefault_disabled;
} relocated_;

struct pt_regs___faulting { /* x86, which alone has these tracepoints */
	unsigned long ip;
} relocated_;

volatile const u32 fault_class = 0;

/* faulted makes a record of a page fault: the address, where the instruction stands, and what it was about. Where faults are disabled they
 * bring no page in: somebody only looks whether one is there, such as another program here, whose buffer this one must not take. */
inline_ int faulted(u64 *ctx)
{
	struct task_struct___faulting *task = (void *)bpf_get_current_task_btf();
	struct work *w;

	if (task->pagefault_disabled) /* not by get, which disables them while it reads */
		return 0;
	if (skipped() || filtered() || !(w = begin(FAULT, 0, 0, 0)) || full(w, fault_class))
		return 0;
	w->head.args[0] = ctx[0];
	w->head.args[1] = get((struct pt_regs___faulting *)ctx[1], ip);
	w->head.args[2] = ctx[2];
	emit(w, fault_class);
	return 0;
}

SEC("tp_btf/page_fault_user")
int tapir_user_fault(u64 *ctx)
{
	return faulted(ctx);
}

SEC("tp_btf/page_fault_kernel")
int tapir_kernel_fault(u64 *ctx)
{
	return faulted(ctx);
}
