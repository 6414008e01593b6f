/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The rings that take records to the reader, one for each CPU. Part of syscalls.bpf.c.
 *
 * A ring has one writer, since tracepoints run with preemption off, and one reader, so that it needs no lock and no atomic operation:
 * those of the kernel's own ring wait until all that was written before has reached the cache, which takes longer than all else that
 * is done for a short record. Positions are bytes that only grow. Records begin within segments, and the last one of a segment may
 * go on behind it, into room that nothing else uses; the next one begins the next segment. So each is in one piece. */
#pragma once

enum { SEGMENT = 1 << 20, SPILL = 2 * ROOM + sizeof(struct head) + 8 };

struct segment {
	u8 bytes[SEGMENT + SPILL]; /* of each record how many, as a u64, then the record; both are padded to 8 */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* ring_size in segments for each CPU */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct segment);
} segments SEC(".maps");

struct place { /* in a ring; each has lines of the cache of its own */
	u64 written, pad[15];
	u64 read, pad2[15];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* one for each CPU */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct place);
} places SEC(".maps");

/* What wakes the reader. Nothing of what it holds is looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} bell SEC(".maps");

/* Records lost for want of room, by class of call. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, u32);
	__type(value, u64);
} lost SEC(".maps");

volatile const u32 ring_size = 1 << 20; /* of a CPU, bytes: a power of two */
volatile const u32 ring_segments = 1; /* of a CPU */
volatile const u32 batch = 1 << 18; /* bytes that wait before the reader is woken */
volatile const u32 in_order = 0; /* CPUs see what others write in the order in which it was written */
volatile u32 lossy = 0; /* records were lost, by whichever CPU: the reader may not know of what came before */

/* lose counts a record as lost. */
noinline_ int lose(struct work *w, u32 class)
{
	u64 *n = bpf_map_lookup_elem(&lost, &class);

	w->refused = lossy = 1;
	if (n)
		(*n)++;
	return 1;
}

/* full counts the record that is to be made as lost if the ring, which had no room for the last one, still has none for a long one. */
inline_ int full(struct work *w, u32 class)
{
	struct place *p;
	u32 cpu = w->head.cpu;

	if (!w->refused)
		return 0;
	p = bpf_map_lookup_elem(&places, &cpu);
	if (!p || p->written - p->read + sizeof(struct head) + snaplen + 2 * LONGEST >= ring_size)
		return lose(w, class);
	w->refused = 0;
	return 0;
}

/* claim gives where in the ring the record at hand, of so many bytes, is to be put, and where the next one will be; 0 if there is no room. */
inline_ u8 *claim(struct work *w, u32 class, u32 size, struct place **p, u64 *after)
{
	u32 cpu = w->head.cpu, i;
	struct segment *s;
	u64 at;
	u8 *to;

	if (!(*p = bpf_map_lookup_elem(&places, &cpu)))
		goto lost;
	at = (*p)->written;
	*after = at + 8 + (size + 7 & ~7);
	if (*after / SEGMENT != at / SEGMENT)
		*after = (at / SEGMENT + 1) * SEGMENT;
	i = cpu * ring_segments + (at / SEGMENT & ring_segments - 1);
	if (*after - (*p)->read > ring_size || !(s = bpf_map_lookup_elem(&segments, &i)))
		goto lost;
	to = s->bytes + (at & SEGMENT - 8);
	*(u64 *)to = size;
	return to + 8;
lost:
	lose(w, class);
	return 0;
}

/* publish lets the reader see what was written, and wakes it when much is waiting: at each eighth of a batch from one batch on. */
inline_ void publish(struct place *p, u64 after)
{
	u64 before = p->written - p->read, waiting = after - p->read;

	if (in_order) {
		asm volatile("" ::: "memory");
		*(volatile u64 *)&p->written = after;
	} else {
		__sync_fetch_and_add(&p->written, after - p->written);
	}
	if (waiting >= batch && (before ^ waiting) >= batch / 8)
		bpf_ringbuf_output(&bell, &waiting, sizeof(waiting), BPF_RB_FORCE_WAKEUP);
}

/* emit hands the record to the reader. */
inline_ void emit(struct work *w, u32 class)
{
	u32 size = sizeof(struct head) + (w->used & (2 * ROOM - 1));
	struct place *p;
	u64 after;
	u8 *to = claim(w, class, size, &p, &after);

	if (!to)
		return;
	bpf_probe_read_kernel(to, size, w);
	publish(p, after);
}

/* emit_brief hands over no more of the head than a call's first argument. */
inline_ void emit_brief(struct work *w, u32 class)
{
	enum { SIZE = offsetof(struct head, args[1]) };
	struct place *p;
	u64 after;
	u8 *to = claim(w, class, SIZE, &p, &after);

	if (!to)
		return;
	__builtin_memcpy(__builtin_assume_aligned(to, 8), w, SIZE);
	publish(p, after);
}
