//go:build ignore

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Tells of system calls, and of processes that begin, change and end. Package source/syscalls says in `calls` which calls are
 * wanted and what is gathered of each, attaches the programs and reads the ring; its types head, chunk, process and ends have
 * these layouts.
 *
 *   tapir_enter  sys_enter: notes when a wanted call was entered
 *   tapir_exit   sys_exit: makes one record of the whole call. Arguments are still in the registers then, and what they
 *                point to was read by the kernel, so it is in memory
 *                Where nobody asks when calls were entered, it does without tapir_enter
 *   tapir_user_fault, tapir_kernel_fault  page_fault_user, page_fault_kernel: where somebody asks for page faults
 *   tapir_exec, tapir_fork, tapir_gone  the scheduler's: a process runs another program, has a child, ends
 *
 * A record is a head and chunks behind it. It is built in a buffer of the CPU, which no other program can have meanwhile:
 * tracepoints run with preemption off. Nothing here waits: when the ring has no room the record is counted as lost.
 */
#include "kernel.h"
#include "task.h"

enum {
	CALLS = 512, /* of 64-bit programs; those of 32-bit ones stand behind */
	NO_CALL = 2 * CALLS - 1,
	OPS = 4,
	CLASSES = 32,
	ROOM = 1 << 16, /* where chunks may begin, and the longest one, bytes */
	LONGEST = 4096, /* path, list of arguments, message header */
	VECTORS = 16, /* pieces of one call's data that are read */
	DEPTH = 32, /* of a path */
	MOST_MESSAGES = 16, /* of one call */
};

enum { /* call.flags */
	WANTED = 1,
	STATE = 2, /* it changes what later calls mean: the filter on processes and ports does not hold for it */
	USES = 4, /* the descriptor is args[call.fd] */
	ASKED = 8, /* of operations of io_uring: not only those that change state are wanted */
	MAKES = 16, /* it makes a descriptor: it is told of even if it was entered before anybody was there to see that */
	RUNS = 32, /* it runs another program: tapir_exec tells of it, unless it fails */
	PLAIN = 64, /* of a connection of TCP nothing is gathered */
	BRIEF = 128, /* where nothing is gathered, the first argument is all that is told of them */
};

enum { NONE, TEXT, MEMORY, DATA, VECTOR, MESSAGE, SOCKET, OPENED, USAGE, PROCESS, MESSAGES, OPENED_AT, SOCKET_AT, NAMED, LEFT_OUT }; /* op.kind */
enum { BY_RESULT = 6, WHOLE = 7 }; /* op.size beyond the number of an argument */

/* What to gather of a call. */
struct op {
	u8 kind;
	u8 arg; /* which argument it is about; BY_RESULT: what the call returned */
	u8 size; /* the argument that says how much there is, BY_RESULT, or WHOLE: unit bytes */
	u8 unit; /* bytes that size counts */
};

struct call {
	u8 flags, class, fd, pad;
	struct op op[OPS];
};

#include "record.h"
#include "ring.h"

struct entered {
	u64 at; /* 0: nothing wanted is under way */
	u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct entered);
} under_way SEC(".maps");

volatile const struct call calls[2 * CALLS] = {};
volatile const u32 execve_number = 59;
volatile const u32 signal_class = 0, switch_class = 0;
volatile const u32 timed = 1; /* when calls are entered is asked for; else tapir_enter is not loaded */

#include "filter.h"
#include "data.h"
#include "socket.h"
#include "process.h"

/* file_names adds the names of the path of the file behind a descriptor. */
inline_ void file_names(struct work *w, u32 fd, u32 op)
{
	struct file *f = opened(fd);

	if (f)
		names(w, get(f, f_path.dentry), get(f, f_path.mnt), op);
}

/* gather adds what an op asks for. */
inline_ void gather(struct work *w, volatile const struct op *op, u32 i)
{
	u32 kind = op->kind, arg = op->arg, size = op->size, unit = op->unit;
	s64 result = w->head.result;
	u64 value = arg < 6 ? w->head.args[arg & 7] : result;
	u64 n = unit;
	u32 fd = 0;

	if (size < 6)
		n = w->head.args[size & 7] * unit;
	else if (size == BY_RESULT)
		n = result < 0 ? 0 : result * unit;
	switch (kind) {
	case TEXT:
		text(w, value, i);
		break;
	case MEMORY:
		memory(w, value, at_most(n, LONGEST), at_most(n, ~0U), i);
		break;
	case DATA:
		if (result > 0 && n > (u64)result)
			n = result;
		memory(w, value, at_most(n, snaplen), at_most(n, ~0U), i);
		break;
	case VECTOR:
		vectors(w, value, w->head.args[(arg + 1) & 7], size == BY_RESULT ? n : ~0U, i);
		break;
	case MESSAGE:
		message(w, value, size == BY_RESULT ? n : ~0U, i);
		break;
	case MESSAGES:
		messages(w, value, result > 0 ? result : 0, i);
		break;
	case SOCKET:
		if (arg < 6 || result >= 0)
			socket(w, value, i);
		break;
	case OPENED:
		if (result >= 0)
			file(w, value, i);
		break;
	case OPENED_AT:
	case SOCKET_AT:
		if (result < 0 || bpf_probe_read_user(&fd, sizeof(fd), (void *)value))
			break;
		if (kind == OPENED_AT)
			file(w, fd, i);
		else
			socket(w, fd, i);
		break;
	case NAMED:
		if (result >= 0)
			file_names(w, value, i);
		break;
	case USAGE:
		add_usage(w, i);
		break;
	case PROCESS:
		add_process(w, bpf_get_current_task_btf(), i);
		break;
	}
}

noinline_ void gather_all(struct work *w, volatile const struct call *c)
{
	for (u32 i = 0; i < OPS; i++) {
		if (c->op[i].kind == NONE)
			break;
		gather(w, &c->op[i], i);
	}
}

#include "narrow.h"

/* arguments takes the arguments of the call from the registers of the process. */
inline_ void arguments(struct work *w, void *ctx)
{
	struct pt_regs *x86 = ctx;
	struct pt_regs___arm64 *arm = ctx;

	if (w->head.compat && exists(x86, orig_ax))
		narrow_arguments(w, x86);
	else if (typed && exists(x86, orig_ax)) {
		w->head.args[0] = x86->di;
		w->head.args[1] = x86->si;
		w->head.args[2] = x86->dx;
		w->head.args[3] = x86->r10;
		w->head.args[4] = x86->r8;
		w->head.args[5] = x86->r9;
	} else if (exists(x86, orig_ax)) { /* it exists */
		w->head.args[0] = get(x86, di);
		w->head.args[1] = get(x86, si);
		w->head.args[2] = get(x86, dx);
		w->head.args[3] = get(x86, r10);
		w->head.args[4] = get(x86, r8);
		w->head.args[5] = get(x86, r9);
	} else {
		w->head.args[0] = get(arm, orig_x0);
		w->head.args[1] = get(arm, regs[1]);
		w->head.args[2] = get(arm, regs[2]);
		w->head.args[3] = get(arm, regs[3]);
		w->head.args[4] = get(arm, regs[4]);
		w->head.args[5] = get(arm, regs[5]);
	}
}

/* call_number is the number of the call that a process is in. */
inline_ u32 call_number(struct pt_regs *regs)
{
	if (!exists(regs, orig_ax))
		return known(get((struct pt_regs___arm64 *)regs, syscallno), regs);
	return known(typed ? regs->orig_ax : get(regs, orig_ax), regs);
}

SEC("tp_btf/sys_enter")
int tapir_enter(u64 *ctx)
{
	u32 number = known(ctx[1], (void *)ctx[0]);
	struct entered *e;

	if (!(calls[number].flags & WANTED) || skipped())
		return 0;
	if (programs_only && !(calls[number].flags & STATE) && filtered())
		return 0;
	e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (e) {
		e->at = bpf_ktime_get_ns();
		e->number = number;
	}
	return 0;
}

SEC("tp_btf/sys_exit")
int tapir_exit(u64 *ctx)
{
	u64 at, number = call_number((void *)ctx[0]);
	volatile const struct call *c = &calls[number & (2 * CALLS - 1)];
	struct entered *e;
	struct work *w;

	if (!(c->flags & WANTED) && number != NO_CALL) /* what most calls are, where there is a filter */
		return 0;
	if (timed) {
		e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, 0);
		at = e ? e->at : 0;
		if (at) {
			number = e->number;
			e->at = 0;
		}
		number &= 2 * CALLS - 1;
		c = &calls[number];
		if (!at && (!(c->flags & MAKES) || (s64)ctx[1] < 0 || skipped()))
			return 0;
	} else {
		at = 0;
		if (c->flags & RUNS && !ctx[1] || skipped() || programs_only && !(c->flags & STATE) && filtered())
			return 0;
	}
	if (!(w = room()))
		return 0;
	w->head.number = number;
	w->head.compat = number >= CALLS;
	arguments(w, (void *)ctx[0]);
	if (sockets_only && (c->flags & (STATE | USES)) == USES && elsewhere(w, w->head.args[c->fd & 7]))
		return 0;
	if (full(w, c->class))
		return 0;
	fill_head(w, CALL, number, at, ctx[1]);
	if (!(c->flags & PLAIN) || !w->connected || lossy)
		gather_all(w, c);
	if (c->flags & BRIEF && !w->used)
		emit_brief(w, c->class);
	else
		emit(w, c->class);
	return 0;
}

enum { PF_KTHREAD = 0x200000, WHERE = 7 /* number of the chunk with a socket's ends */ };

#include "uring.h"
#include "sched.h"
#include "fault.h"
#include "state.h"

SEC("tp_btf/sched_process_exec")
int tapir_exec(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *binary = (void *)ctx[2];
	struct entered *e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, 0);
	u32 number = e && e->at ? e->number : execve_number;
	u32 class = calls[number & (2 * CALLS - 1)].class;
	u64 at = e ? e->at : 0;
	struct chunk *c;
	struct work *w;
	long n;

	if (skipped() || !(w = begin(EXEC, number, at, 0)) || full(w, class))
		return 0;
	if (e)
		e->at = 0; /* the call's exit has nothing to add */
	add_process(w, task, 0);
	c = add(w, 1, 0);
	n = bpf_probe_read_kernel_str(body(w), LONGEST, get(binary, filename));
	if (n < 0 || n > LONGEST)
		n = 0;
	end(w, c, n, n);
	emit(w, class);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int tapir_fork(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[1];
	struct entered *e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, 0);
	u32 class = calls[execve_number & (CALLS - 1)].class;
	u32 number = e ? e->number : timed ? 0 : call_number(bpf_task_pt_regs(bpf_get_current_task_btf()));
	struct work *w;

	if (skipped() || get(child, flags) & PF_KTHREAD || !(w = begin(FORK, number, e ? e->at : 0, 0)) || full(w, class))
		return 0;
	w->head.thread = get(child, pid);
	w->head.process = get(child, tgid);
	add_process(w, child, 0);
	emit(w, class);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int tapir_gone(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 class = calls[execve_number & (CALLS - 1)].class;
	struct work *w;

	if (skipped() || get(task, flags) & PF_KTHREAD || !(w = begin(GONE, 0, 0, get(task, exit_code))) || full(w, class))
		return 0;
	emit(w, class);
	return 0;
}

char license_[] SEC("license") = "Dual BSD/GPL";
