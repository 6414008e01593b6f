/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Records: what they hold, and the buffer in which one is built. Part of syscalls.bpf.c. */
#pragma once

enum { CALL, EXEC, FORK, GONE, SUBMITTED, SIGNAL, SWITCH, DESCRIPTOR, TASK, FAULT }; /* head.kind */

struct head { /* a brief record ends behind its first argument */
	u64 left; /* ns, CLOCK_MONOTONIC */
	s64 result;
	u32 thread, process;
	u16 number, cpu;
	u8 kind, compat;
	u16 pad;
	u64 args[6];
	u64 entered; /* as left; 0 if that was not seen */
};

struct chunk {
	u8 op, part; /* number of the op, part of what it gathers */
	u16 size; /* of the bytes behind, which are padded to 8 */
	u32 whole; /* bytes there are */
};

struct process {
	u32 thread, process, parent, group, session, local_thread, local_process, local_group;
	u32 uid, gid, login, tty, flags, pad;
	u64 files, major, minor, size, rss, swap; /* limit of files; page faults; kB */
	u64 inheritable, permitted, effective;
	u64 start; /* of the first process in its namespace, ns since boot */
	u64 inode, changed, modified; /* of its program; ns since 1970 */
	u32 mode, owner, owner_group, pad2;
	char comm[16];
};

struct ends { /* of a socket */
	u16 family, type, protocol, state;
	u16 local_port, remote_port;
	u32 waiting, backlog, pad; /* connections to be accepted */
	u8 local[16], remote[16];
	u64 self, peer; /* addresses in the kernel, of a Unix socket */
};

const struct head *head_type __attribute__((unused));
const struct chunk *chunk_type __attribute__((unused));
const struct process *process_type __attribute__((unused));
const struct ends *ends_type __attribute__((unused));

struct work {
	struct head head;
	u8 data[3 * ROOM]; /* where the last chunk may begin, what it holds, and a piece of its data: the verifier adds their bounds up */
	struct ends ends;
	u64 vector[4 * VECTORS]; /* twice what is used, so that the mask of a size fits */
	u32 ends_of; /* descriptor that ends is of, plus 1 */
	u32 used; /* bytes of data */
	u32 fill; /* bytes of the chunk at hand. It stands in memory, where the verifier does not follow each value it may have */
	u32 connected; /* the call is about a connection of TCP */
	u32 refused; /* the ring had no room for the last record */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* one for each CPU */
	__type(key, u32);
	__type(value, struct work);
} works SEC(".maps");

volatile const u32 snaplen = 80; /* bytes of data in a record */

/* room gives the buffer in which records are built. */
inline_ struct work *room(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct work *w = bpf_map_lookup_elem(&works, &cpu);

	if (!w)
		return 0;
	w->used = 0;
	w->ends_of = 0;
	w->connected = 0;
	w->head.cpu = cpu;
	return w;
}

/* fill_head begins a record in the buffer. */
inline_ void fill_head(struct work *w, u32 kind, u32 number, u64 entered, s64 result)
{
	u64 id = current_id();

	w->head.left = bpf_ktime_get_ns();
	w->head.entered = entered;
	w->head.result = result;
	w->head.thread = id;
	w->head.process = id >> 32;
	w->head.number = number;
	w->head.kind = kind;
	w->head.compat = number >= CALLS;
}

/* begin gives the buffer with the head of a record in it. */
inline_ struct work *begin(u32 kind, u32 number, u64 entered, s64 result)
{
	struct work *w = room();

	if (w)
		fill_head(w, kind, number, entered, result);
	return w;
}

/* add begins a chunk at the end of the record. */
inline_ struct chunk *add(struct work *w, u32 op, u32 part)
{
	struct chunk *c = (void *)(w->data + (w->used & (ROOM - 8)));

	c->op = op;
	c->part = part;
	c->size = 0;
	c->whole = 0;
	return c;
}

/* body is where the bytes of the last chunk stand. */
inline_ u8 *body(struct work *w)
{
	return w->data + (w->used & (ROOM - 8)) + sizeof(struct chunk);
}

inline_ void end(struct work *w, struct chunk *c, u32 size, u32 whole)
{
	c->size = size;
	c->whole = whole;
	w->used += (sizeof(*c) + size + 7) & ~7;
}
