/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What happens to copies where they leave: cut, tag, tunnel, cap. A copy is a packet of its own here, so nothing has to be
 * undone for the next one. Included by mirror.bpf.c. */

enum { /* shape.flags */
       STRIP = 1, /* take all tags off */
       PUSH = 2, /* put a tag on */
       VXLAN = 4,
       GRE = 8,
       IPV6 = 16, /* the tunnel's outer header */
};

enum { HEADERS = 80 }; /* room for Ethernet, IPv6, UDP and VXLAN */

struct shape {
	u32 flags;
	u32 count; /* index into counts */
	u32 truncate; /* bytes to keep, 0: all */
	u32 limit; /* longest frame that the output takes, bytes without a tag */
	u32 ifindex; /* the output */
	u16 tag_proto, tag_tci; /* of the tag to put on; the first in network byte order */
	u32 header_len; /* bytes of header that are used */
	u32 pad;
	u64 byte_ns; /* 1/1024 ns that a byte costs at the capped rate, 0: not capped */
	u64 burst_ns; /* how far ahead of the rate a burst may run */
	u8 header[HEADERS]; /* of the tunnel, lengths and checksums zero */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHAPES);
	__type(key, u32);
	__type(value, struct shape);
} shapes SEC(".maps");

/* When the capped output will have sent what it took, ns since boot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHAPES);
	__type(key, u32);
	__type(value, u64);
} schedules SEC(".maps");

/* capped is the generic cell rate algorithm (ITU-T I.371): a packet passes if the time at which it would be due at the
 * rate is at most a burst away. */
inline_ int capped(const struct shape *s, u32 id, u32 len)
{
	u64 *due = bpf_map_lookup_elem(&schedules, &id);
	u64 now = bpf_ktime_get_ns(), cost = len * s->byte_ns >> 10;

	if (!due)
		return 1;
	for (int i = 0; i < 8; i++) { /* another CPU may be faster; eight times in a row it is not */
		u64 old = *(volatile u64 *)due, from = old > now ? old : now;

		if (from - now > s->burst_ns)
			return 1;
		if (__sync_val_compare_and_swap(due, old, from + cost) == old)
			return 0;
	}
	return 1;
}

/* ip4_sum completes the checksum of an IPv4 header without options. */
inline_ void ip4_sum(u8 *ip)
{
	u32 sum = 0;

	for (int i = 0; i < 10; i++)
		sum += *(u16 *)(ip + 2 * i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(u16 *)(ip + 10) = ~sum;
}

/* make_room puts s->header_len bytes in front of the frame. A super-packet must be told what they are, so that the kernel
 * can still cut it; it then has to be IP. */
inline_ long make_room(struct __sk_buff *skb, const struct shape *s)
{
	u8 eth[14];
	u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;

	if (!skb->gso_size)
		return bpf_skb_change_head(skb, s->header_len, 0);
	flags |= s->flags & IPV6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	flags |= s->flags & VXLAN ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	flags |= BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(14);
	if (bpf_skb_load_bytes(skb, 0, eth, 14) || bpf_skb_adjust_room(skb, s->header_len, BPF_ADJ_ROOM_MAC, flags))
		return -1;
	return bpf_skb_store_bytes(skb, s->header_len, eth, 14, 0);
}

/* tunnel wraps the frame. Its header is what a router would have written, but for what depends on the frame. */
inline_ long tunnel(struct __sk_buff *skb, const struct shape *s, u32 hash)
{
	u8 h[HEADERS];
	u32 n = s->header_len, udp;
	u16 len;

	/* A tag that the kernel keeps apart would end up on the outer frame. */
	if (skb->vlan_present) {
		u16 tci = skb->vlan_tci, proto = skb->vlan_proto;
		u8 macs[12];
		u16 tag[2] = {proto, htons(tci)};

		if (bpf_skb_vlan_pop(skb) || skb->gso_size || bpf_skb_load_bytes(skb, 0, macs, 12) || bpf_skb_change_head(skb, 4, 0) ||
		    bpf_skb_store_bytes(skb, 0, macs, 12, 0) || bpf_skb_store_bytes(skb, 12, tag, 4, 0))
			return -1;
	}
	len = skb->len;
	if (n < 38 || n > HEADERS || make_room(skb, s))
		return -1;
	__builtin_memcpy(h, s->header, HEADERS);
	if (s->flags & IPV6) {
		*(u16 *)(h + 18) = htons((u16)(len + n - 54));
		udp = 54;
	} else {
		*(u16 *)(h + 16) = htons((u16)(len + n - 14));
		ip4_sum(h + 14);
		udp = 34;
	}
	if (s->flags & VXLAN) { /* RFC 7348 §5: the source port spreads flows; the checksum may be zero */
		u16 port = htons((u16)(49152 + (hash & 16383))), size = htons((u16)(len + n - udp));

		if (s->flags & IPV6) {
			*(u16 *)(h + 54) = port;
			*(u16 *)(h + 58) = size;
		} else {
			*(u16 *)(h + 34) = port;
			*(u16 *)(h + 38) = size;
		}
	}
	switch (n) { /* the verifier wants constants */
	case 38:
		return bpf_skb_store_bytes(skb, 0, h, 38, 0);
	case 50:
		return bpf_skb_store_bytes(skb, 0, h, 50, 0);
	case 58:
		return bpf_skb_store_bytes(skb, 0, h, 58, 0);
	case 70:
		return bpf_skb_store_bytes(skb, 0, h, 70, 0);
	}
	return -1;
}

/* tags takes tags off and puts one on. */
inline_ long tags(struct __sk_buff *skb, const struct shape *s)
{
	if (s->flags & STRIP)
		for (int i = 0; i < 4; i++) {
			if (!skb->vlan_present && skb->protocol != htons(0x8100) && skb->protocol != htons(0x88a8))
				break;
			if (bpf_skb_vlan_pop(skb))
				return -1;
		}
	return s->flags & PUSH ? bpf_skb_vlan_push(skb, s->tag_proto, s->tag_tci) : 0;
}

/* allowed says whether what comes out fits the output. */
inline_ int allowed(struct __sk_buff *skb, const struct shape *s, u32 segments)
{
	u32 mtu = 0;
	int tagged = skb->protocol == htons(0x8100) || skb->protocol == htons(0x88a8);

	if (skb->len <= s->limit + (tagged && !(s->flags & (VXLAN | GRE)) ? 4 : 0))
		return 1;
	return segments && bpf_check_mtu(skb, s->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS) == 0;
}

SEC("tc")
int tapir_shape(struct __sk_buff *skb)
{
	u32 id = skb->cb[2], zero = 0, hash = 0;
	struct work *w;
	struct shape *s;
	struct count *n;

	if (skb->cb[0] != secret[0] || skb->cb[1] != secret[1])
		return TC_ACT_UNSPEC;
	skb->cb[0] = skb->cb[1] = 0;
	if (!(s = bpf_map_lookup_elem(&shapes, &id)) || !(n = count_of(s->count)) || !(w = bpf_map_lookup_elem(&works, &zero)))
		return TC_ACT_SHOT;
	w->dropped = 1;
	if (s->flags & VXLAN)
		hash = flow_hash(skb);
	if (tags(skb, s))
		goto error;
	if (s->truncate && wire_len(skb) > s->truncate) {
		if (bpf_skb_change_tail(skb, s->truncate - (skb->vlan_present ? 4 : 0), 0))
			goto error;
		n->truncated++;
	}
	if (s->flags & (VXLAN | GRE) && tunnel(skb, s, hash))
		goto error;
	if (!allowed(skb, s, skb->gso_size)) {
		n->too_big++;
		return TC_ACT_SHOT;
	}
	if (s->byte_ns && capped(s, id, wire_len(skb))) {
		n->capped++;
		return TC_ACT_SHOT;
	}
	w->dropped = 0;
	w->len = wire_len(skb);
	return TC_ACT_UNSPEC;
error:
	n->errors++;
	return TC_ACT_SHOT;
}
