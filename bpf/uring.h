/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Operations of io_uring: a process queues them in memory that it shares with the kernel, so no call tells of each. Part of
 * syscalls.bpf.c.
 *
 *   tapir_submitted  io_uring_submit_req: makes a record of an operation that the kernel takes from the queue, and remembers it
 *   tapir_completed  io_uring_complete: makes a record of one that has ended, with what it was queued with
 *
 * Needs Linux 6.3, where the tracepoint hands over the request alone; they are not loaded before. */
#pragma once

struct sqe { /* struct io_uring_sqe, as processes write it (include/uapi/linux/io_uring.h) */
	u8 opcode, flags;
	u16 priority;
	s32 fd;
	u64 offset, address;
	u32 size, op_flags;
	u64 user_data;
	u16 group, personality;
	s32 slot;
	u64 more[2];
};

struct io_ring_ctx {
	u32 flags, cached_sq_head, sq_entries;
	u32 *sq_array;
	struct sqe *sq_sqes;
} relocated_;

struct io_cqe {
	u64 user_data;
} relocated_;

struct io_kiocb {
	u8 opcode;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
} relocated_;

struct cqe {
	u64 user_data;
	s32 result;
	u32 flags;
};

enum { IORING_SETUP_SQE128 = 1 << 10, IORING_SETUP_NO_SQARRAY = 1 << 16 };
enum { IOSQE_FIXED_FILE = 1, IOSQE_BUFFER_SELECT = 1 << 5, IN_SLOT = 1 << 7 /* our own */, IORING_CQE_F_MORE = 1 << 1 };
enum { ACCEPT_MULTISHOT = 1, RECV_MULTISHOT = 2 }; /* sqe.priority */
enum { URING = CALLS - 1 }; /* number of the call that stands for operations */
enum { RING_NAME, RING_DATA, RING_NEW }; /* numbers of what is gathered; the ends of its socket are WHERE, of one accepted RING_NEW */

enum { /* what there is to an operation; the number of IORING_OP_x is the place in ring_kinds */
	NOTHING,
	FILELESS, /* its descriptor means nothing */
	PATH, /* address: a path */
	ADDRESS, /* address: that of a socket */
	READS, /* address, size: data comes */
	WRITES,
	READS_PIECES, /* address, size: a list of pieces of data */
	WRITES_PIECES,
	READS_MESSAGE,
	WRITES_MESSAGE,
	ACCEPTS, /* the result is a socket, unless the process keeps it in a slot of its ring */
	KIND = 15,
	CHANGES = 16, /* it changes what later calls mean */
};

static const u8 ring_kinds[64] = {
	[0] = FILELESS, [1] = READS_PIECES, [2] = WRITES_PIECES, [4] = READS, [5] = WRITES, [7] = FILELESS, [9] = WRITES_MESSAGE,
	[10] = READS_MESSAGE, [11] = FILELESS, [12] = FILELESS, [13] = ACCEPTS | CHANGES, [14] = FILELESS, [15] = FILELESS,
	[16] = ADDRESS | CHANGES, [18] = PATH | CHANGES, [19] = CHANGES, [20] = FILELESS, [21] = PATH, [22] = READS, [23] = WRITES,
	[25] = FILELESS, [26] = WRITES, [27] = READS, [28] = PATH | CHANGES, [31] = FILELESS, [32] = FILELESS, [35] = PATH,
	[36] = PATH, [37] = PATH, [38] = PATH, [39] = PATH, [40] = NOTHING, [42] = FILELESS, [44] = FILELESS,
	[45] = ACCEPTS | CHANGES, [47] = WRITES, [48] = WRITES_MESSAGE, [49] = READS, [50] = FILELESS, [51] = FILELESS,
	[52] = FILELESS, [53] = FILELESS, [56] = ADDRESS | CHANGES, [60] = READS_PIECES, [61] = WRITES_PIECES, [62] = FILELESS,
};

struct queued { /* an operation under way */
	u64 at, args[6];
	u32 thread, process, name_size, pad;
	u8 name[2 * 256]; /* path or address, as it was when the operation began; twice what is used, for the verifier */
};

struct queued_key {
	u64 request, user_data; /* or, for completions without a request: context, user_data */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct queued_key);
	__type(value, struct queued);
} queue SEC(".maps");

struct { /* where those to be remembered are put together: one for each CPU */
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct queued);
} queuing SEC(".maps");

/* take copies the entry of the queue that the kernel has just taken a request from. */
inline_ int take(struct sqe *to, struct io_kiocb *req)
{
	struct io_ring_ctx *ring = get(req, ctx);
	u32 flags = get(ring, flags), at = (get(ring, cached_sq_head) - 1) & (get(ring, sq_entries) - 1);

	if (!(flags & IORING_SETUP_NO_SQARRAY))
		bpf_probe_read_kernel(&at, sizeof(at), get(ring, sq_array) + at);
	if (flags & IORING_SETUP_SQE128)
		at <<= 1;
	if (bpf_probe_read_kernel(to, sizeof(*to), get(ring, sq_sqes) + at))
		return 0;
	return to->opcode == get(req, opcode) && to->user_data == get(req, cqe.user_data); /* nobody has written over it */
}

/* carried adds what is read or written by the operation at hand: limit bytes at most. */
noinline_ void carried(struct work *w, u32 kind, u64 limit)
{
	u64 from = w->head.args[1];
	u32 size = w->head.args[2];

	switch (kind) {
	case READS:
	case WRITES:
		memory(w, from, at_most(at_most(size, limit), snaplen), at_most(limit, size), RING_DATA);
		break;
	case READS_PIECES:
	case WRITES_PIECES:
		vectors(w, from, size, limit, RING_DATA);
		break;
	case READS_MESSAGE:
	case WRITES_MESSAGE:
		message(w, from, limit, RING_DATA);
		break;
	}
}

/* named_by fills in the path or the address that an operation names. */
inline_ void named_by(struct queued *q, const struct sqe *s, u32 kind)
{
	long n = 0;

	if (kind == PATH) {
		n = bpf_probe_read_user_str(q->name, 256, (void *)s->address);
	} else if (kind == ADDRESS) {
		n = at_most(s->offset, 128);
		if (bpf_probe_read_user(q->name, n & 255, (void *)s->address))
			n = 0;
	} else if (kind == WRITES && s->opcode != 23 && s->opcode != 5 && s->offset) { /* sent to an address */
		n = at_most((u16)s->slot, 128);
		if (bpf_probe_read_user(q->name, n & 255, (void *)s->offset))
			n = 0;
	}
	q->name_size = n > 0 ? n & 511 : 0;
}

/* told adds what is the same when an operation begins and when it ends. */
inline_ void told(struct work *w, struct queued *q, u32 kind)
{
	struct chunk *c = add(w, RING_NAME, 0);
	u32 n = q->name_size & 511;

	for (u32 i = 0; i < 6; i++)
		w->head.args[i] = q->args[i];
	w->head.thread = q->thread;
	w->head.process = q->process;
	if (n && kind != FILELESS) {
		bpf_probe_read_kernel(body(w), n, q->name);
		end(w, c, n, n);
	}
	if ((s64)q->args[0] >= 0 && q->process == current_id() >> 32)
		socket(w, q->args[0], WHERE);
}

SEC("tp_btf/io_uring_submit_req")
int tapir_submitted(u64 *ctx)
{
	volatile const struct call *c = &calls[URING];
	struct io_kiocb *req = (void *)ctx[0];
	struct queued_key key = {(u64)req, 0};
	u64 id = current_id();
	struct queued *q;
	struct sqe s = {};
	struct work *w;
	u32 zero = 0, kind, known, slot;

	if (!(c->flags & WANTED) || skipped())
		return 0;
	known = take(&s, req);
	s.opcode = get(req, opcode);
	kind = ring_kinds[s.opcode & 63];
	if (!(kind & CHANGES) && (!(c->flags & ASKED) || filtered()))
		return 0;
	if (!(q = bpf_map_lookup_elem(&queuing, &zero)) || !(w = begin(SUBMITTED, URING, 0, 0)))
		return 0;
	q->at = w->head.left;
	slot = s.slot && (kind & KIND) != WRITES && kind & CHANGES;
	q->args[0] = !known || s.flags & IOSQE_FIXED_FILE || (kind & KIND) == FILELESS || s.opcode == 45 || s.opcode == 19 && slot ? -1 : s.fd;
	q->args[1] = s.address;
	q->args[2] = s.size;
	q->args[3] = s.offset;
	q->args[4] = get(req, cqe.user_data);
	q->args[5] = s.opcode | (s.flags | slot << 7) << 8;
	q->thread = id;
	q->process = id >> 32;
	named_by(q, &s, kind & KIND);
	if (sockets_only && !(kind & CHANGES) && ((s64)q->args[0] < 0 || elsewhere(w, s.fd)))
		return 0;
	bpf_map_update_elem(&queue, &key, q, 0);
	if (s.opcode == 49 || s.opcode == 13 && s.priority & ACCEPT_MULTISHOT || (s.opcode == 27 || s.opcode == 10) && s.priority & RECV_MULTISHOT) {
		key.request = (u64)get(req, ctx);
		key.user_data = q->args[4];
		bpf_map_update_elem(&queue, &key, q, 0);
	}
	if (full(w, c->class))
		return 0;
	told(w, q, kind & KIND);
	emit(w, c->class);
	return 0;
}

volatile const u32 apart = 0; /* the tracepoint hands over user data, result and flags, not the entry of the queue: older kernels */

SEC("tp_btf/io_uring_complete")
int tapir_completed(u64 *ctx)
{
	volatile const struct call *c = &calls[URING];
	struct cqe cqe;
	struct queued_key key = {ctx[1], 0};
	struct queued *q;
	struct work *w;
	u32 kind;

	if (!(c->flags & WANTED))
		return 0;
	if (apart) {
		cqe.user_data = ctx[2];
		cqe.result = ctx[3];
		cqe.flags = ctx[4];
	} else if (bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)ctx[2])) {
		return 0;
	}
	if (!key.request) {
		key.request = ctx[0];
		key.user_data = cqe.user_data;
	}
	if (!(q = bpf_map_lookup_elem(&queue, &key)))
		return 0;
	if (q->args[4] == cqe.user_data && (w = begin(CALL, URING, q->at, cqe.result)) && !full(w, c->class)) {
		kind = ring_kinds[q->args[5] & 63] & KIND;
		told(w, q, kind);
		if (q->process == current_id() >> 32) {
			if (cqe.result > 0 && !(q->args[5] >> 8 & IOSQE_BUFFER_SELECT))
				carried(w, kind, cqe.result);
			if (kind == ACCEPTS && cqe.result >= 0 && !(q->args[5] >> 8 & IN_SLOT))
				socket(w, cqe.result, RING_NEW);
		}
		emit(w, c->class);
	}
	if (ctx[1] && !(cqe.flags & IORING_CQE_F_MORE))
		bpf_map_delete_elem(&queue, &key);
	return 0;
}
