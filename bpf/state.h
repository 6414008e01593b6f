/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What processes have open when a capture begins: tapir_files is run by who reads its iterator, once for each descriptor. Part of
 * syscalls.bpf.c; it is loaded by itself. */
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

static long (*bpf_seq_write)(struct seq_file *to, const void *data, u32 size) = (void *)127;

enum { O_CLOEXEC = 02000000 };

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
	w->head.args[5] = get(d, d_hash.pprev) == 0; /* its name is gone */
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
