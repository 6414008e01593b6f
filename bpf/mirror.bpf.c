//go:build ignore

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Copies of the packets that a source receives, to the outputs of its plan. Package mirror writes the plans, translates
 * filters into `filter`, attaches the programs and reads the counts; its types plan, copy and count have these layouts.
 *
 *   tapir_mirror  at the ingress of a source: who gets a copy, then clones; the last copy is the packet itself
 *   tapir_shape   at the egress of outputs whose copies are cut, tagged or tunnelled: it knows them by a secret in cb
 *   tapir_fast    XDP at a source whose outputs get every packet as it is: the kernel's broadcast, before the above
 *   tapir_handed, tapir_broken  tracepoints: what the kernel and drivers lose of such a broadcast
 */
#include "kernel.h"

enum { COPIES = 64, SLOTS = 64, COUNTS = 8192, SHAPES = 1024 };

enum { /* copy.flags */
       FIRST = 1, /* of its rule: decides whether the rule applies */
       BALANCE = 2, /* the rule sends to one of its copies */
       INWARD = 4, /* the output receives the copy instead of sending it */
};

struct copy {
	u32 ifindex; /* 0: the output is away */
	u32 count; /* index into counts, of this copy */
	u32 rule; /* index into counts, of the rule */
	u32 flags;
	u32 limit; /* longest frame that the output takes, bytes without a tag */
	u32 shape; /* index into shapes, 0: none */
	u32 filter; /* of the rule, 0: none */
	u32 sample; /* of the rule: 1 of so many packets, 0: all */
	u32 siblings; /* copies of the rule */
	u32 pad;
};

struct plan {
	u32 copies;
	u32 count; /* index into counts, of the source */
	u32 pass; /* packets go on to the host */
	u32 single; /* index into counts: the only copy gets every packet as it is; 0: look at the copies */
	struct copy copy[COPIES];
};

struct count {
	u64 packets, bytes; /* received by a source, taken by a rule, sent as a copy */
	u64 filtered, unsampled; /* of a rule */
	u64 errors, away, too_big, truncated, capped; /* of a copy */
	u64 dropped; /* of a source and an output: by the output's driver */
};

const struct plan *types __attribute__((unused)); /* keeps the layout in the object */

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct plan));
};

/* One plan for each source. A plan is replaced as a whole, which no packet sees half done. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__array(values, struct inner);
} plans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, u32);
	__type(value, struct count);
} counts SEC(".maps");

/* Packets that reached a rule with sampling, on all CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, u32);
	__type(value, u64);
} samples SEC(".maps");

/* The packet at hand. It stands in memory, where the verifier does not follow each value that it may have. */
struct work {
	u32 dropped, len; /* what the egress program, which runs inside bpf_clone_redirect, tells the ingress program of a copy */
	u32 takes; /* of the rule at hand: 0 it is not for the packet, else 1 + the copy of a balanced rule */
	u32 turn; /* number of the copy in its rule, from 1 */
	u32 last; /* the copy that will be the packet itself; COPIES: none yet */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct work);
} works SEC(".maps");

/* What a packet costs, found while a way of copying is probed: the time between packets that come so close behind each
 * other that the kernel did nothing else. */
struct pace {
	u64 last; /* ns since boot */
	u64 gaps, time; /* how many gaps, and their sum in ns */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, struct pace);
} paces SEC(".maps");

volatile const u32 slot = 0; /* of the source in plans */
volatile const u32 probing = 0; /* ns; longer gaps do not count; 0: no probe */
volatile const u32 secret[2] = {0, 0}; /* marks copies to be shaped */

inline_ struct count *count_of(u32 i)
{
	return bpf_map_lookup_elem(&counts, &i);
}

inline_ void note_pace(void)
{
	u32 key = slot;
	struct pace *p;
	u64 now, gap;

	if (!probing || !(p = bpf_map_lookup_elem(&paces, &key)))
		return;
	now = bpf_ktime_get_ns();
	gap = now - p->last;
	p->last = now;
	if (gap > probing)
		return;
	p->gaps++;
	p->time += gap;
}

inline_ u32 wire_len(struct __sk_buff *skb)
{
	return skb->len + (skb->vlan_present ? 4 : 0);
}

/* slow_load reads 1, 2 or 4 bytes of the frame as it was on the wire: a tag that the kernel keeps apart stands in its
 * place. Errors are values above 32 bits. */
noinline_ u64 slow_load(struct __sk_buff *skb, u32 at, u32 size)
{
	u64 v = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 o = at + i;
		u8 b = 0;

		if (i >= size)
			break;
		if (skb->vlan_present && o >= 12 && o < 16) {
			u32 tag = (u32)ntohs((u16)skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);

			b = tag >> (8 * (15 - o));
		} else {
			if (o < at) /* beyond 32 bits */
				return 1ULL << 32;
			if (skb->vlan_present && o >= 16)
				o -= 4;
			if (bpf_skb_load_bytes(skb, o, &b, 1))
				return 1ULL << 32;
		}
		v = v << 8 | b;
	}
	return v;
}

/* filter says whether filter number id takes the packet. Its body is replaced when filters are loaded. This one is there to
 * call slow_load, with arguments that the compiler knows nothing about. */
noinline_ u32 filter(struct __sk_buff *skb, u32 id)
{
	return slow_load(skb, id, id) >> 32 ? 0 : id;
}

/* flow_hash is the same for both directions of a flow. Fragments and what is neither TCP, UDP nor SCTP go by addresses,
 * what is not IP by MAC addresses. */
inline_ u32 mix(u32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	return h ^ h >> 16;
}

noinline_ u32 flow_hash(struct __sk_buff *skb)
{
	u8 h[40];
	u16 type = (u16)skb->protocol;
	u32 at = 14, a = 0, b = 0, proto, l4 = 0, ports = 0;

	for (int i = 0; i < 2; i++) {
		if (type != htons(0x8100) && type != htons(0x88a8))
			break;
		if (bpf_skb_load_bytes(skb, at + 2, &type, 2))
			return 0;
		at += 4;
	}
	if (type == htons(0x0800) && !bpf_skb_load_bytes(skb, at, h, 20)) {
		a = mix(*(u32 *)(h + 12));
		b = mix(*(u32 *)(h + 16));
		proto = h[9];
		if (!(*(u16 *)(h + 6) & htons(0x3fff)))
			l4 = at + (h[0] & 15) * 4;
	} else if (type == htons(0x86dd) && !bpf_skb_load_bytes(skb, at, h, 40)) {
		for (int i = 0; i < 4; i++) {
			a = mix(a ^ *(u32 *)(h + 8 + 4 * i));
			b = mix(b ^ *(u32 *)(h + 24 + 4 * i));
		}
		proto = h[6];
		l4 = proto == 44 ? 0 : at + 40;
	} else {
		if (bpf_skb_load_bytes(skb, 0, h, 12))
			return 0;
		a = mix(*(u32 *)h ^ *(u16 *)(h + 4));
		b = mix(*(u32 *)(h + 8) ^ (u32) * (u16 *)(h + 6) << 16);
		proto = 0;
	}
	if (l4 && (proto == 6 || proto == 17 || proto == 132) && !bpf_skb_load_bytes(skb, l4, &ports, 4)) {
		u16 src = ports, dst = ports >> 16;

		a = mix(a ^ src);
		b = mix(b ^ dst);
	}
	return mix(a + b);
}

/* applies decides for the first copy of a rule: 0 if the packet is not for the rule, else 1 + the copy to take of a balanced
 * rule. */
inline_ u32 applies(struct __sk_buff *skb, const struct copy *c, u32 len)
{
	struct count *n = count_of(c->rule);

	if (!n)
		return 0;
	if (c->filter && !filter(skb, c->filter)) {
		n->filtered++;
		return 0;
	}
	if (c->sample > 1) {
		u32 i = c->rule;
		u64 *seen = bpf_map_lookup_elem(&samples, &i);

		if (!seen || __sync_fetch_and_add(seen, 1) % c->sample) {
			n->unsampled++;
			return 0;
		}
	}
	n->packets++;
	n->bytes += len;
	if (c->flags & BALANCE && c->siblings)
		return 1 + (u32)((u64)flow_hash(skb) * c->siblings >> 32);
	return 1;
}

/* fits says whether the output takes a frame of this length. What will be cut or tunnelled is judged at the egress. */
inline_ int fits(struct __sk_buff *skb, const struct copy *c)
{
	u32 limit = c->limit, mtu = 0;

	if (skb->len <= limit || c->shape)
		return 1;
	if (skb->gso_size) /* a super-packet: will its segments fit? */
		return bpf_check_mtu(skb, c->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS) == 0;
	/* An inner tag is no part of what the MTU limits either. */
	return (skb->protocol == htons(0x8100) || skb->protocol == htons(0x88a8)) && skb->len <= limit + 4;
}

/* clone sends a copy and counts it. */
inline_ void clone(struct __sk_buff *skb, const struct copy *c, u32 len)
{
	struct count *n = count_of(c->count);
	struct work *w = 0;
	u32 zero = 0;
	long err;

	if (!n)
		return;
	if (c->shape) {
		w = bpf_map_lookup_elem(&works, &zero);
		if (!w)
			return;
		w->dropped = 0;
		w->len = len;
		skb->cb[0] = secret[0];
		skb->cb[1] = secret[1];
		skb->cb[2] = c->shape;
	}
	err = bpf_clone_redirect(skb, c->ifindex, c->flags & INWARD ? BPF_F_INGRESS : 0);
	if (w) {
		skb->cb[0] = skb->cb[1] = skb->cb[2] = 0;
		if (w->dropped)
			return; /* counted where it was dropped */
		len = w->len;
	}
	if (err) {
		n->errors++;
		return;
	}
	n->packets++;
	n->bytes += len;
}

/* at gives one copy of a plan; the mask is for the verifier. */
inline_ struct copy *at(struct plan *p, u32 i)
{
	return &p->copy[i & (COPIES - 1)];
}

SEC("tc")
int tapir_mirror(struct __sk_buff *skb)
{
	u32 key = slot, zero = 0, len = wire_len(skb);
	void *inner = bpf_map_lookup_elem(&plans, &key);
	struct work *w;
	struct plan *p;
	struct count *n;
	struct copy *c;

	if (!inner || !(p = bpf_map_lookup_elem(inner, &zero)))
		return TC_ACT_UNSPEC;
	note_pace();
	if (p->single && skb->len <= p->copy[0].limit && (n = count_of(p->single))) {
		n->packets++;
		n->bytes += len;
		return bpf_redirect(p->copy[0].ifindex, 0);
	}
	if (!(n = count_of(p->count)) || !(w = bpf_map_lookup_elem(&works, &zero)))
		return TC_ACT_UNSPEC;
	n->packets++;
	n->bytes += len;
	w->last = COPIES;
	for (u32 i = 0; i < COPIES; i++) {
		if (i >= p->copies)
			break;
		c = &p->copy[i];
		if (c->flags & FIRST) {
			w->takes = applies(skb, c, len);
			w->turn = 0;
		}
		w->turn++;
		if (!w->takes || (c->flags & BALANCE && w->takes != w->turn))
			continue;
		if (!c->ifindex || !fits(skb, c)) {
			n = count_of(c->count);
			if (n && c->ifindex)
				n->too_big++;
			else if (n)
				n->away++;
			continue;
		}
		if (c->shape || c->flags & INWARD || p->pass) {
			clone(skb, c, len);
			continue;
		}
		if (w->last < COPIES) /* now it is known that another one follows */
			clone(skb, at(p, w->last), len);
		w->last = i;
	}
	if (p->pass)
		return TC_ACT_UNSPEC;
	if (w->last >= COPIES)
		return TC_ACT_SHOT;
	c = at(p, w->last);
	n = count_of(c->count);
	if (n) {
		n->packets++;
		n->bytes += len;
	}
	return bpf_redirect(c->ifindex, 0);
}

#include "shape.h"

/* Broadcast, for sources whose outputs take every packet as it is. What is longer than an output takes goes on to
 * tapir_mirror, which knows what to do. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, COPIES);
	__type(key, u32);
	__type(value, u32);
} outputs SEC(".maps");

volatile const u32 fast_limit = 0; /* bytes of the longest frame that all outputs take */
volatile const u32 fast_count = 0; /* index into counts */

SEC("xdp")
int tapir_fast(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;
	struct count *n;

	if (len > fast_limit || !(n = count_of(fast_count)))
		return XDP_PASS;
	note_pace();
	n->packets++;
	n->bytes += len;
	return bpf_redirect_map(&outputs, 0, BPF_F_BROADCAST); /* the source itself is not among them */
}

#include "lost.h"

char license_[] SEC("license") = "Dual BSD/GPL";
