/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a process hands over: text, memory, pieces of data, message headers. Part of syscalls.bpf.c. */
#pragma once

/* text adds the text at an address of the process. */
noinline_ void text(struct work *w, u64 from, u32 op)
{
	struct chunk *c = add(w, op, 0);
	long n = from ? bpf_probe_read_user_str(body(w), LONGEST, (void *)from) : 0;

	if (n < 0 || n > LONGEST)
		n = 0;
	end(w, c, n, n);
}

/* memory adds size bytes at an address of the process, part of whole ones. */
global_ int memory(struct work *w, u64 from, u32 size, u32 whole, u32 id)
{
	struct chunk *c;
	u32 n = size;

	if (!w)
		return 0;
	c = add(w, id & 255, id >> 8);
	if (n >= ROOM)
		n = ROOM - 1;
	if (!from || bpf_probe_read_user(body(w), n, (void *)from))
		n = 0;
	end(w, c, n, whole);
	return 0;
}

inline_ u32 at_most(u64 n, u32 limit)
{
	return n < limit ? n : limit;
}

/* vectors adds what the pieces of data at from hold, up to limit bytes and the snaplen. */
global_ int vectors(struct work *w, u64 from, u64 count, u64 limit, u32 id)
{
	u32 want = at_most(limit, snaplen);
	struct chunk *c;
	u64 whole = 0;

	if (!w)
		return 0;
	c = add(w, id & 255, id >> 8);
	w->fill = 0;
	if (bpf_probe_read_user(w->vector, (at_most(count, VECTORS) * (w->head.compat ? 8 : 16)) & 511, (void *)from))
		count = 0;
	for (u32 i = 0; i < VECTORS; i++) {
		u64 base, size;
		u32 n = w->fill, m;

		if (i >= count)
			break;
		if (w->head.compat) {
			base = (u32)w->vector[i];
			size = w->vector[i] >> 32;
		} else {
			base = w->vector[2 * i];
			size = w->vector[2 * i + 1];
		}
		whole += size;
		if (n >= want || n >= ROOM)
			continue;
		m = at_most(size, want - n);
		if (m >= ROOM)
			m = ROOM - 1;
		if (!m || bpf_probe_read_user(body(w) + (n & (ROOM - 1)), m, (void *)base))
			continue;
		w->fill += m;
	}
	end(w, c, w->fill, at_most(whole, ~0U));
	return 0;
}

struct msghdr { /* as processes give it */
	u64 name;
	u32 name_size, pad;
	u64 vector, vectors, control, control_size;
	u32 flags, pad2;
};

struct narrow_msghdr { /* as 32-bit processes give it */
	u32 name, name_size, vector, vectors, control, control_size;
};

/* message adds the address, the data and the control data of a message header, as three parts from that of id on. How much was sent
 * or received, as far as it is known, is told with the first. */
global_ int message(struct work *w, u64 from, u64 limit, u32 id)
{
	struct msghdr m;

	if (!w)
		return 0;
	if (w->head.compat) {
		struct narrow_msghdr n;

		if (bpf_probe_read_user(&n, sizeof(n), (void *)from))
			return 0;
		m = (struct msghdr){n.name, n.name_size, 0, n.vector, n.vectors, n.control, n.control_size, 0, 0};
	} else if (bpf_probe_read_user(&m, sizeof(m), (void *)from)) {
		return 0;
	}
	memory(w, m.name, m.name ? at_most(m.name_size, 128) : 0, at_most(limit, ~0U), id);
	vectors(w, m.vector, m.vectors, limit, id + (1 << 8));
	if (m.control)
		memory(w, m.control, at_most(m.control_size, 256), at_most(m.control_size, ~0U), id + (2 << 8));
	return 0;
}

/* messages adds what message does for each of count, as many as a record holds. */
noinline_ void messages(struct work *w, u64 from, u64 count, u32 op)
{
	u32 size = w->head.compat ? 32 : 64;

	for (u32 i = 0; i < MOST_MESSAGES; i++, from += size) {
		u32 length = 0;

		if (i >= count || w->used + snaplen + 512 >= ROOM && i)
			break;
		bpf_probe_read_user(&length, sizeof(length), (void *)(from + (w->head.compat ? 28 : sizeof(struct msghdr))));
		message(w, from, length, op | i * 3 << 8);
	}
}
