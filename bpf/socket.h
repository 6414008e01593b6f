/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is behind a descriptor: a file, or a socket and its ends. Part of syscalls.bpf.c. */
#pragma once

/* opened is the file behind a descriptor of the task at hand. */
noinline_ struct file *opened(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct files_struct *files = get(task, files);
	struct fdtable *table;
	struct file **all, *f = 0;

	if (!files)
		return 0;
	table = get(files, fdt);
	if (fd >= get(table, max_fds))
		return 0;
	all = get(table, fd);
	bpf_probe_read_kernel(&f, sizeof(f), all + fd);
	return f;
}

/* fill_ends takes the ends of a socket, with get or direct. */
#define fill_ends(e, sk, get)                                                                               \
	do {                                                                                                \
		(e)->type = get(sk, sk_type);                                                               \
		(e)->protocol = get(sk, sk_protocol);                                                       \
		(e)->state = get(sk, __sk_common.skc_state);                                                \
		(e)->local_port = get(sk, __sk_common.skc_num);                                             \
		(e)->remote_port = ntohs(get(sk, __sk_common.skc_dport));                                   \
		(e)->waiting = get(sk, sk_ack_backlog);                                                     \
		(e)->backlog = get(sk, sk_max_ack_backlog);                                                 \
		*(u32 *)(e)->local = get(sk, __sk_common.skc_rcv_saddr);                                    \
		*(u32 *)(e)->remote = get(sk, __sk_common.skc_daddr);                                       \
	} while (0)

inline_ void finish_ends(struct ends *e, struct sock *sk, u16 family)
{
	e->family = family;
	e->self = (u64)sk;
	e->peer = family == 1 ? (u64)get((struct unix_sock *)sk, peer) : 0;
	if (family == 10) {
		bpf_probe_read_kernel(e->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(e->remote, 16, &sk->__sk_common.skc_v6_daddr);
	}
}

enum { S_IFMT = 0170000, S_IFSOCK = 0140000, IPPROTO_TCP = 6 };

/* socket_typed is the socket behind a descriptor of the task at hand; 0 if it is none. */
inline_ struct sock *socket_typed(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table;
	struct file *f;

	if (!task->files)
		return 0;
	table = task->files->fdt;
	if (fd >= table->max_fds)
		return 0;
	f = (void *)cast(struct hlist_head, table->fd + fd)->first; /* a pointer as good as any */
	if (!f)
		return 0;
	f = cast(struct file, f);
	if ((f->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	return cast(struct socket, f->private_data)->sk;
}

inline_ int find_typed(struct ends *e, u32 fd)
{
	struct sock *sk = socket_typed(fd);

	if (!sk)
		return 0;
	fill_ends(e, sk, direct);
	finish_ends(e, sk, sk->__sk_common.skc_family);
	return 1;
}

inline_ int find_untyped(struct ends *e, u32 fd)
{
	struct file *f = opened(fd);
	struct socket *socket;
	struct inode *inode;
	struct sock *sk;

	if (!f || !(inode = get(f, f_inode)) || (get(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = get(f, private_data);
	sk = socket ? get(socket, sk) : 0;
	if (!sk)
		return 0;
	fill_ends(e, sk, get);
	finish_ends(e, sk, get(sk, __sk_common.skc_family));
	return 1;
}

/* find_ends fills w->ends with the ends of the socket behind a descriptor; family is 0 if it is none. */
noinline_ int find_ends(struct work *w, u32 fd)
{
	struct ends *e = &w->ends;

	if (w->ends_of == fd + 1 && fd + 1) /* found already */
		return e->family != 0;
	w->ends_of = fd + 1;
	e->family = 0;
	if (typed && bpf_rdonly_cast)
		return find_typed(e, fd);
	return find_untyped(e, fd);
}

inline_ int port_wanted(u32 port)
{
	u32 key = port / 64;
	u64 *bits = bpf_map_lookup_elem(&ports, &key);

	return bits && *bits >> port % 64 & 1;
}

/* elsewhere says whether the filter leaves out what is done to a descriptor. A socket that is not connected has no second port to
 * judge by: what is sent tells it. One whose connection was reset has no port of its own any more, if it was given that. */
inline_ int elsewhere(struct work *w, u32 fd)
{
	struct ends *e = &w->ends;
	u16 family, local, remote, protocol;

	if (typed && bpf_rdonly_cast) { /* no more than what it is judged by */
		struct sock *sk = socket_typed(fd);

		if (!sk)
			return 1;
		family = sk->__sk_common.skc_family;
		local = sk->__sk_common.skc_num;
		remote = ntohs(sk->__sk_common.skc_dport);
		protocol = sk->sk_protocol;
	} else {
		if (!find_ends(w, fd))
			return 1;
		family = e->family;
		local = e->local_port;
		remote = e->remote_port;
		protocol = e->protocol;
	}
	if (family != 2 && family != 10)
		return 1;
	w->connected = protocol == IPPROTO_TCP && local && remote;
	return ports_only && remote && local && !port_wanted(local) && !port_wanted(remote);
}

/* path_of adds the name that a Unix socket is bound to. */
noinline_ void path_of(struct work *w, u64 socket, u32 id)
{
	struct chunk *c = add(w, id & 255, id >> 8);
	struct unix_address *a = socket ? get((struct unix_sock *)socket, addr) : 0;
	u32 n = a ? get(a, len) : 0;

	if (n > 110 || bpf_probe_read_kernel(body(w), n & 127, a->name))
		n = 0;
	end(w, c, n, n);
}

/* socket adds the ends of the socket behind a descriptor. */
noinline_ void socket(struct work *w, u32 fd, u32 op)
{
	struct chunk *c = add(w, op, 0);

	if (!find_ends(w, fd))
		return;
	__builtin_memcpy(body(w), &w->ends, sizeof(w->ends));
	end(w, c, sizeof(w->ends), sizeof(w->ends));
	if (w->ends.family == 1) {
		path_of(w, w->ends.self, op | 1 << 8);
		path_of(w, w->ends.peer, op | 2 << 8);
	}
}

/* file adds the device, the inode and the kind of the file behind a descriptor. */
noinline_ void file(struct work *w, u32 fd, u32 op)
{
	struct chunk *c = add(w, op, 0);
	struct file *f = opened(fd);
	struct inode *inode = f ? get(f, f_inode) : 0;
	u64 *b = (void *)body(w);

	if (!inode)
		return;
	b[0] = get(inode, i_ino);
	b[1] = (u64)get(get(inode, i_sb), s_dev) << 32 | get(inode, i_mode);
	end(w, c, 16, 16);
}
