/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What there is when a capture begins: tapir_tasks and tapir_files are run by who reads their iterators, once for each thread and once
 * for each descriptor. Part of syscalls.bpf.c; each is loaded by itself, so nobody else builds records in its buffer. */
#pragma once

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} relocated_;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} relocated_;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} relocated_;

static long (*bpf_seq_write)(struct seq_file *to, const void *data, u32 size) = (void *)127;

struct bpf_array {
	void *pptrs[1];
} relocated_;

static void *(*bpf_map_lookup_percpu_elem)(void *map, const void *key, u32 cpu) = (void *)195;
static long (*bpf_copy_from_user_task)(void *to, u32 size, const void *from, struct task_struct *task, u64 flags) = (void *)191;

enum { O_CLOEXEC = 02000000 };

volatile const u32 sleeps = 1; /* tapir_tasks may wait for the memory of processes: Linux 5.18 */

/* others_memory adds what stands between two addresses of a process, as much as a record holds of it. What cannot be read there is more
 * as a whole than is told. */
noinline_ void others_memory(struct work *w, struct task_struct *t, u64 from, u64 to, u32 id)
{
	struct chunk *c = add(w, id & 255, id >> 8);
	u32 whole = to > from ? at_most(to - from, ~0U) : 0, n = at_most(whole, 2 * LONGEST);

	if (!sleeps || n && bpf_copy_from_user_task(body(w), n, (void *)from, t, 0))
		n = 0;
	end(w, c, n, whole);
}

volatile const u32 cpus = 1;

/* number_of is a pointer as a number, which the verifier lets be reckoned with. */
inline_ u64 number_of(void *p)
{
	u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &p);
	return n;
}

/* count_exactly fills in how much memory there is as /proc tells it: with what the CPUs have counted for themselves and not yet added up,
 * which is a megabyte for every few of them. How far a CPU's own variables are from their names is what an element of a map of ours is
 * from its. */
noinline_ void count_exactly(struct mm_struct *mm, struct process *p)
{
	s64 sum[4] = {pages(mm, 0), pages(mm, 1), pages(mm, 2), pages(mm, 3)};
	void *parts[4], *name = get((struct bpf_array *)number_of(&lost), pptrs[0]);
	u32 zero = 0;

	if (!exists(mm, rss_stat[0].counters))
		return;
	parts[0] = get(mm, rss_stat[0].counters);
	parts[1] = get(mm, rss_stat[1].counters);
	parts[2] = get(mm, rss_stat[2].counters);
	parts[3] = get(mm, rss_stat[3].counters);
	for (u32 cpu = 0; cpu < cpus; cpu++) {
		void *own = bpf_map_lookup_percpu_elem(&lost, &zero, cpu);
		u64 at = number_of(own) - (u64)name;

		if (!own)
			break;
		for (u32 kind = 0; kind < 4; kind++) {
			s32 part = 0;

			bpf_probe_read_kernel(&part, sizeof(part), parts[kind] + at);
			sum[kind] += part;
		}
	}
	p->rss = sum[0] + sum[1] + sum[3] > 0 ? (sum[0] + sum[1] + sum[3]) * page : 0;
	p->swap = sum[2] > 0 ? sum[2] * page : 0;
}

enum { HAS_MEMORY = 1, HAS_TITLE = 2 };

/* command adds the arguments of a process as /proc has them (fs/proc/base.c): where their last byte was overwritten they are a title,
 * which ends with a NUL and may go on in the environment. */
inline_ void command(struct work *w, struct task_struct *t, struct mm_struct *mm)
{
	u64 from = get(mm, arg_start), to = get(mm, arg_end), behind = get(mm, env_start);
	u8 last = 0;

	if (sleeps && from < to)
		bpf_copy_from_user_task(&last, 1, (void *)(to - 1), t, 0);
	if (last) {
		w->head.args[5] |= HAS_TITLE;
		if (behind == to && get(mm, env_end) > behind)
			to = get(mm, env_end);
		if (to - from > LONGEST)
			to = from + LONGEST;
	}
	others_memory(w, t, from, to, 1 << 8);
}

/* gone says whether a file has lost its name. */
inline_ int gone(struct dentry *d)
{
	return get(d, d_hash.pprev) == 0 && get(d, d_parent) != d;
}

/* path adds the names of a path if it has them. */
inline_ void path(struct work *w, struct path *p, u32 op)
{
	struct dentry *d = get(p, dentry);

	if (!gone(d))
		names(w, d, get(p, mnt), op);
}

SEC("iter.s/task")
int tapir_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *leader;
	struct signal_struct *s;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct file *exe;
	struct work *w;
	u32 size;

	if (!task || !(w = begin(TASK, 0, 0, 0)))
		return 0;
	leader = get(task, group_leader);
	s = get(task, signal);
	mm = get(task, mm);
	w->head.thread = get(task, pid);
	w->head.process = get(task, tgid);
	w->head.result = id_in(get(leader, thread_pid), get((struct task_struct *)bpf_get_current_task_btf(), thread_pid));
	w->head.args[1] = get(task, flags);
	w->head.args[2] = (u64)get(task, cgroups);
	w->head.args[3] = get(s, maj_flt);
	w->head.args[4] = get(s, min_flt);
	w->head.args[5] = mm ? HAS_MEMORY : 0;
	add_task(w, task, 0);
	if (leader == task) { /* its other threads have the same */
		if (mm) {
			if (sleeps) /* what that takes is as new */
				count_exactly(mm, (void *)w->data + sizeof(struct chunk));
			command(w, task, mm);
			others_memory(w, task, get(mm, env_start), get(mm, env_end), 2 << 8);
			exe = get(mm, exe_file);
			if (exe)
				path(w, &exe->f_path, 3 << 8);
		}
		fs = get(task, fs);
		if (fs) {
			path(w, &fs->pwd, 4 << 8);
			path(w, &fs->root, 5 << 8);
		}
	}
	size = sizeof(struct head) + (w->used & (ROOM - 1));
	w->head.args[0] = size;
	bpf_seq_write(ctx->meta->seq, w, size);
	return 0;
}

SEC("iter/task_file")
int tapir_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *f = ctx->file;
	struct dentry *d;
	struct inode *inode;
	struct socket *socket;
	struct sock *sk;
	struct chunk *c;
	struct work *w;
	u64 bits = 0;
	u32 size;

	if (!task || !f || get(task, pid) != get(task, tgid) || !(w = begin(DESCRIPTOR, 0, 0, ctx->fd)))
		return 0;
	bpf_probe_read_kernel(&bits, sizeof(bits), get(get(get(task, files), fdt), close_on_exec) + ctx->fd / 64);
	d = get(f, f_path.dentry);
	inode = get(f, f_inode);
	w->head.thread = w->head.process = get(task, tgid);
	w->head.args[1] = get(inode, i_ino);
	w->head.args[2] = get(get(inode, i_sb), s_dev);
	w->head.args[3] = get(inode, i_mode);
	w->head.args[4] = get(f, f_flags) | (bits >> ctx->fd % 64 & 1 ? O_CLOEXEC : 0);
	w->head.args[5] = gone(d);
	if ((get(inode, i_mode) & S_IFMT) != S_IFSOCK) {
		names(w, d, get(f, f_path.mnt), 0);
	} else if ((socket = get(f, private_data)) && (sk = get(socket, sk))) {
		fill_ends(&w->ends, sk, get);
		finish_ends(&w->ends, sk, get(sk, __sk_common.skc_family));
		c = add(w, WHERE, 0);
		__builtin_memcpy(body(w), &w->ends, sizeof(w->ends));
		end(w, c, sizeof(w->ends), sizeof(w->ends));
		if (w->ends.family == 1)
			path_of(w, w->ends.self, WHERE | 1 << 8);
	}
	size = sizeof(struct head) + (w->used & (ROOM - 1));
	w->head.args[0] = size;
	bpf_seq_write(ctx->meta->seq, w, size);
	return 0;
}
