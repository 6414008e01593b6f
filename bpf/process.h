/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a record tells of a process. Part of syscalls.bpf.c. */
#pragma once

enum { PIDTYPE_PGID = 2, PIDTYPE_SID = 3, RLIMIT_NOFILE = 7 };
enum { SHARES_FILES = 1 << 0, SHARES_FS = 1 << 1, SAME_PROCESS = 1 << 13, SHARES_VM = 1 << 15 }; /* as .scap files have them */

/* id is the number of a process, group or session in the outermost namespace of processes. */
inline_ u32 id(struct pid *p)
{
	return p ? get(p, numbers[0].nr) : 0;
}

/* id_in is the number of p in the innermost namespace of another process; 0 if it has none there. */
inline_ u32 id_in(struct pid *p, struct pid *other)
{
	u32 level = other ? get(other, level) & 31 : 0;

	if (!p || !other || get(p, level) < level || get(p, numbers[level].ns) != get(other, numbers[level].ns))
		return 0;
	return get(p, numbers[level].nr);
}

/* names adds the names of a path, the last one first, each with a NUL behind it. Where the path has more than there is room for, there
 * is more as a whole than is told. */
noinline_ void names(struct work *w, struct dentry *d, struct vfsmount *v, u32 op)
{
	struct chunk *c = add(w, op & 255, op >> 8);
	struct mount *m = (void *)v - __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);

	u32 more = 1;

	w->fill = 0;
	for (u32 i = 0; i < DEPTH; i++) {
		struct dentry *up = get(d, d_parent);
		long size;

		if (d == up || d == get(m, mnt.mnt_root)) {
			struct mount *parent = get(m, mnt_parent);

			if (parent == m) {
				more = 0;
				break;
			}
			d = get(m, mnt_mountpoint);
			m = parent;
			continue;
		}
		size = bpf_probe_read_kernel_str(body(w) + (w->fill & (LONGEST - 1)), 256, get(d, d_name.name));
		if (size <= 0 || w->fill + size >= LONGEST)
			break;
		w->fill += size;
		d = up;
	}
	end(w, c, w->fill, w->fill + more);
}

volatile const u32 page = 4; /* kB */

/* pages is how many pages a process has of a kind, by its number: files, its own, swapped out, shared. Relocations take constants only. */
#define pages(mm, kind)                                                                      \
	(exists(mm, rss_stat[0].count) ? (u64)get(mm, rss_stat[kind].count)                  \
				       : (u64)get((struct mm_struct___old *)mm, rss_stat.count[kind].counter))

/* usage fills three numbers with how much memory there is: virtual, resident, swapped out, in kB. */
inline_ void usage(struct mm_struct *mm, u64 *to)
{
	s64 rss = pages(mm, 0) + pages(mm, 1) + pages(mm, 3), swap = pages(mm, 2);

	to[0] = get(mm, total_vm) * page;
	to[1] = rss > 0 ? rss * page : 0;
	to[2] = swap > 0 ? swap * page : 0;
}

/* add_usage adds how much memory the process at hand has. */
noinline_ void add_usage(struct work *w, u32 op)
{
	struct chunk *c = add(w, op, 0);
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = get(task, mm);

	if (!mm)
		return;
	usage(mm, (void *)body(w));
	end(w, c, 24, 24);
}

/* own_memory adds the bytes of the process's memory between two addresses, as many as a record holds. */
inline_ void own_memory(struct work *w, u64 from, u64 to, u32 id)
{
	u64 n = to > from ? to - from : 0;

	memory(w, from, at_most(n, LONGEST), at_most(n, ~0U), id);
}

#define time_of(t) (get(t, tv_sec) * 1000000000LL + get(t, tv_nsec))

/* program fills in what is known of a program's file. */
inline_ void program(struct process *p, struct inode *i)
{
	struct inode___mid *mid = (void *)i;
	struct inode___old *old = (void *)i;

	p->inode = get(i, i_ino);
	p->mode = get(i, i_mode);
	p->owner = get(i, i_uid.val);
	p->owner_group = get(i, i_gid.val);
	if (exists(i, i_ctime_sec)) { /* the highest bit of the nanoseconds is the kernel's own */
		p->changed = get(i, i_ctime_sec) * 1000000000LL + (get(i, i_ctime_nsec) & ~(1U << 31));
		p->modified = get(i, i_mtime_sec) * 1000000000LL + get(i, i_mtime_nsec);
		return;
	}
	p->changed = exists(mid, __i_ctime) ? time_of(&mid->__i_ctime) : time_of(&old->i_ctime);
	p->modified = exists(mid, __i_mtime) ? time_of(&mid->__i_mtime) : time_of(&old->i_mtime);
}

/* capabilities reads a set of them: 64 bits, which before Linux 6.3 were two words. */
#define capabilities(cred, member)                                              \
	({                                                                      \
		u64 v_;                                                         \
		bpf_probe_read_kernel(&v_, sizeof(v_), &(cred)->member);        \
		v_;                                                             \
	})

/* add_task adds a struct process. */
noinline_ void add_task(struct work *w, struct task_struct *t, u32 op)
{
	struct chunk *c = add(w, op, 0);
	struct process *p = (void *)body(w);
	struct task_struct *leader = get(t, group_leader), *parent = get(t, real_parent), *current = bpf_get_current_task_btf();
	struct signal_struct *s = get(t, signal);
	struct pid *number = get(t, thread_pid);
	struct cred *cred = get(t, cred);
	struct tty_struct *tty = get(s, tty);
	struct mm_struct *mm = get(t, mm);
	struct nsproxy *spaces = get(t, nsproxy);
	struct file *exe = mm ? get(mm, exe_file) : 0;
	struct task_struct *reaper = spaces ? get(get(spaces, pid_ns_for_children), child_reaper) : 0;

	p->thread = get(t, pid);
	p->process = get(t, tgid);
	p->parent = get(parent, tgid);
	p->group = id(get(s, pids[PIDTYPE_PGID]));
	p->session = id(get(s, pids[PIDTYPE_SID]));
	p->local_group = id_in(get(s, pids[PIDTYPE_PGID]), number);
	p->local_thread = id_in(number, number);
	p->local_process = id_in(get(leader, thread_pid), number);
	p->uid = get(cred, euid.val);
	p->gid = get(cred, egid.val);
	p->login = exists(t, loginuid) ? get(t, loginuid.val) : ~0U;
	p->tty = 0;
	if (tty) {
		struct tty_driver *d = get(tty, driver);

		u32 minor = get(d, minor_start) + get(tty, index);

		p->tty = (u32)get(d, major) << 8 | (minor & 0xff) | (minor & ~0xffU) << 12;
	}
	p->flags = 0;
	p->pad = 0;
	if (t != current) { /* a child: what it shares with its parent */
		if (get(t, files) == get(current, files))
			p->flags |= SHARES_FILES;
		if (get(t, fs) == get(current, fs))
			p->flags |= SHARES_FS;
		if (mm == get(current, mm))
			p->flags |= SHARES_VM;
		if (p->process == (u32)get(current, tgid))
			p->flags |= SAME_PROCESS;
	}
	p->files = get(s, rlim[RLIMIT_NOFILE].rlim_cur);
	p->major = get(t, maj_flt);
	p->minor = get(t, min_flt);
	p->inheritable = capabilities(cred, cap_inheritable);
	p->permitted = capabilities(cred, cap_permitted);
	p->effective = capabilities(cred, cap_effective);
	p->start = reaper ? get(reaper, start_time) : 0;
	p->inode = p->changed = p->modified = p->size = p->rss = p->swap = 0;
	p->mode = p->owner = p->owner_group = p->pad2 = 0;
	if (exe)
		program(p, get(exe, f_inode));
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), &t->comm);
	if (mm)
		usage(mm, &p->size);
	end(w, c, sizeof(*p), sizeof(*p));
}

/* add_process adds what is known of a task that begins: a struct process, then its arguments, its environment, and the names of the path
 * of its program. */
noinline_ void add_process(struct work *w, struct task_struct *t, u32 op)
{
	struct mm_struct *mm = get(t, mm);
	struct file *exe = mm ? get(mm, exe_file) : 0;

	add_task(w, t, op);
	if (!mm)
		return;
	own_memory(w, get(mm, arg_start), get(mm, arg_end), op | 1 << 8);
	own_memory(w, get(mm, env_start), get(mm, env_end), op | 2 << 8);
	if (exe)
		names(w, get(exe, f_path.dentry), get(exe, f_path.mnt), op | 3 << 8);
}
