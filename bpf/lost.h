/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What becomes of the frames of a broadcast after tapir_fast: the kernel tells it by tracepoints only. Included by mirror.bpf.c. */

struct ns_common {
	u32 inum;
} relocated_;

struct net {
	struct ns_common ns;
} relocated_;

typedef struct {
	struct net *net;
} relocated_ possible_net_t;

struct net_device {
	u32 ifindex;
	possible_net_t nd_net;
} relocated_;

/* A source and an output of its broadcast, by index. */
struct pair {
	u32 from;
	u32 to; /* 0: all outputs together */
};

/* Indexes into counts. What is not here is the traffic of others. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLOTS * (COPIES + 1));
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pair);
	__type(value, u32);
} pairs SEC(".maps");

volatile const u32 home = 0; /* the network namespace, by the number of its inode */

inline_ struct count *count_of_pair(const struct net_device *from, u32 to)
{
	struct pair key = {from->ifindex, to};
	u32 *i;

	if (from->nd_net.net->ns.inum != home || !(i = bpf_map_lookup_elem(&pairs, &key)))
		return 0;
	return count_of(*i);
}

/* A driver was handed the frames of a bulk: it sent some and dropped the rest, or it failed and sent none. */
SEC("tp_btf/xdp_devmap_xmit")
int tapir_handed(u64 *ctx)
{
	const struct net_device *from = (void *)ctx[0], *to = (void *)ctx[1];
	int sent = ctx[2], drops = ctx[3], err = ctx[4];
	struct count *n = count_of_pair(from, to->ifindex);

	if (!n)
		return 0;
	n->packets += sent;
	if (err)
		n->errors += drops;
	else
		n->dropped += drops;
	return 0;
}

/* A broadcast was broken off: the outputs from some one on did not get the packet. */
SEC("tp_btf/xdp_redirect_err")
int tapir_broken(u64 *ctx)
{
	struct count *n = count_of_pair((void *)ctx[0], 0);

	if (n)
		n->errors++;
	return 0;
}
