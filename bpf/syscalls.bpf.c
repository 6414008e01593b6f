//go:build ignore

/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Tells of system calls, and of processes that begin, change and end. Package source/syscalls says in `calls` which calls are
 * wanted and what is gathered of each, attaches the programs and reads the ring; its types head, chunk, process and ends have
 * these layouts.
 *
 *   tapir_enter  sys_enter: notes when a wanted call was entered
 *   tapir_exit   sys_exit: makes one record of the whole call. Arguments are still in the registers then, and what they
 *                point to was read by the kernel, so it is in memory
 *   tapir_sent, tapir_received  sock_send_length, sock_recv_length: what goes through sockets of TCP, within the call that does it.
 *                They stand in for the two above where nothing else is asked for: as long as somebody listens to those,
 *                every call of every process takes a longer way through the kernel
 *   tapir_listens  inet_sock_set_state, beside those: a port has a server now
 *   tapir_exec, tapir_fork, tapir_gone  the scheduler's: a process runs another program, has a child, ends
 *
 * A record is a head and chunks behind it. It is built in a buffer of the CPU, which no other program can have meanwhile:
 * tracepoints run with preemption off. Nothing here waits: when the ring has no room the record is counted as lost.
 */
#include "kernel.h"
#include "task.h"

enum {
	CALLS = 512, /* of 64-bit programs; those of 32-bit ones stand behind */
	NO_CALL = 2 * CALLS - 1,
	OPS = 4,
	CLASSES = 32,
	ROOM = 1 << 16, /* where chunks may begin, and the longest one, bytes */
	LONGEST = 4096, /* path, list of arguments, message header */
	VECTORS = 16, /* pieces of one call's data that are read */
	DEPTH = 32, /* of a path */
	MOST_MESSAGES = 16, /* of one call */
};

enum { /* call.flags */
	WANTED = 1,
	STATE = 2, /* it changes what later calls mean: the filter on processes and ports does not hold for it */
	USES = 4, /* the descriptor is args[call.fd] */
	ASKED = 8, /* of operations of io_uring: not only those that change state are wanted */
	MAKES = 16, /* it makes a descriptor: it is told of even if it was entered before anybody was there to see that */
};

enum { NONE, TEXT, MEMORY, DATA, VECTOR, MESSAGE, SOCKET, OPENED, USAGE, PROCESS, MESSAGES, OPENED_AT, SOCKET_AT, NAMED }; /* op.kind */
enum { BY_RESULT = 6, WHOLE = 7 }; /* op.size beyond the number of an argument */

/* What to gather of a call. */
struct op {
	u8 kind;
	u8 arg; /* which argument it is about; BY_RESULT: what the call returned */
	u8 size; /* the argument that says how much there is, BY_RESULT, or WHOLE: unit bytes */
	u8 unit; /* bytes that size counts */
};

struct call {
	u8 flags, class, fd, pad;
	struct op op[OPS];
};

enum { CALL, EXEC, FORK, GONE, LISTENS, SUBMITTED, SIGNAL, SWITCH, DESCRIPTOR }; /* head.kind */

struct head {
	u64 entered, left; /* ns, CLOCK_MONOTONIC; entered is 0 if that was not seen */
	s64 result;
	u64 args[6];
	u32 thread, process;
	u16 number, cpu;
	u8 kind, compat;
	u16 pad;
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
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* one for each CPU */
	__type(key, u32);
	__type(value, struct work);
} works SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} ring SEC(".maps");

struct entered {
	u64 at; /* 0: nothing wanted is under way */
	u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct entered);
} under_way SEC(".maps");

/* Records lost for want of room, by class of call. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, u32);
	__type(value, u64);
} lost SEC(".maps");

volatile const struct call calls[2 * CALLS] = {};
volatile const u32 own = 0; /* process that is left out */
volatile const u32 snaplen = 80; /* bytes of data in a record */
volatile const u32 ring_size = 1 << 23;
volatile const u32 batch = 1 << 18; /* bytes that wait before the reader is woken */
volatile const u32 execve_number = 59;
volatile const u32 signal_class = 0, switch_class = 0;

/* A set of numbers, or all but them. */
struct numbers {
	u32 count, except;
	u32 of[16];
};

struct names {
	u32 count, except;
	u64 of[8][2];
};

/* What of the user's filter is tested here. It does not hold for calls that change state. */
volatile const struct numbers processes = {0, 1, {}}, threads = {0, 1, {}};
volatile const struct names programs = {0, 1, {}};
volatile const u32 programs_only = 0; /* processes, threads or programs are not all wanted */
volatile const u32 sockets_only = 0; /* calls on sockets of IPv4 and IPv6 */
volatile const u32 ports_only = 0; /* ... with a port in `ports` */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64); /* a bit for each port */
} ports SEC(".maps");

#define get(p, member)                                                  \
	({                                                              \
		typeof((p)->member) v_;                                 \
		bpf_probe_read_kernel(&v_, sizeof(v_), &(p)->member);   \
		v_;                                                     \
	})

#define exists(p, member) __builtin_preserve_field_info((p)->member, 2)

/* Where the kernel lets programs name the type of what an address points to (Linux 6.2), members are read as C does, without a call. */
extern void *bpf_rdonly_cast(const void *p, u32 type) __attribute__((section(".ksyms"), weak));
#define cast(type, p) ((type *)bpf_rdonly_cast(p, __builtin_btf_type_id(*(type *)0, 1)))
#define direct(p, member) ((p)->member)

volatile const u32 typed = 1; /* what tracepoints hand over has a type: tp_btf, not raw_tp */

/* skipped says whether the process at hand is left out. */
inline_ int skipped(void)
{
	return (u32)(bpf_get_current_pid_tgid() >> 32) == own;
}

inline_ int has(volatile const struct numbers *s, u32 n)
{
	for (u32 i = 0; i < 16; i++) {
		if (i >= s->count)
			break;
		if (s->of[i] == n)
			return !s->except;
	}
	return s->except;
}

inline_ int named(const u64 *name)
{
	for (u32 i = 0; i < 8; i++) {
		if (i >= programs.count)
			break;
		if (programs.of[i][0] == name[0] && programs.of[i][1] == name[1])
			return 1;
	}
	return 0;
}

/* filtered says whether the filter leaves out what the thread at hand does. A thread may be named otherwise than its process. */
noinline_ int filtered(void)
{
	u64 id = bpf_get_current_pid_tgid();
	u64 name[2];

	if (!has(&processes, id >> 32) || !has(&threads, id))
		return 1;
	if (!programs.count)
		return !programs.except;
	bpf_get_current_comm(name, sizeof(name));
	if (named(name))
		return programs.except;
	if (programs.except)
		return 0;
	if (id >> 32 != (u32)id) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct task_struct *leader = get(task, group_leader);

		bpf_probe_read_kernel(name, sizeof(name), &leader->comm);
		return !named(name);
	}
	return 1;
}

/* full counts a record as lost if the ring has no room for it. */
inline_ int full(u32 class, u64 *waiting)
{
	u64 *n;

	*waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (*waiting + sizeof(struct head) + snaplen + 2 * LONGEST < ring_size)
		return 0;
	n = bpf_map_lookup_elem(&lost, &class);
	if (n)
		(*n)++;
	return 1;
}

/* room gives the buffer in which records are built. */
inline_ struct work *room(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct work *w = bpf_map_lookup_elem(&works, &cpu);

	if (!w)
		return 0;
	w->used = 0;
	w->ends_of = 0;
	w->head.cpu = cpu;
	return w;
}

/* fill_head begins a record in the buffer. */
inline_ void fill_head(struct work *w, u32 kind, u32 number, u64 entered, s64 result)
{
	u64 id = bpf_get_current_pid_tgid();

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

/* emit hands the record to the reader, and wakes it when much is waiting: at each eighth of a batch from one batch on, since another CPU
 * may have added to what was waiting when that was looked at, and neither then sees the step. */
inline_ void emit(struct work *w, u32 class, u64 waiting)
{
	u32 used = w->used & (2 * ROOM - 1);
	u64 after = waiting + sizeof(struct head) + used;
	u64 flags = after >= batch && (waiting ^ after) >= batch / 8 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_output(&ring, w, sizeof(struct head) + used, flags)) {
		u64 *n = bpf_map_lookup_elem(&lost, &class);

		if (n)
			(*n)++;
	}
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

enum { S_IFMT = 0170000, S_IFSOCK = 0140000 };

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
	u16 family, local, remote;

	if (typed && bpf_rdonly_cast) { /* no more than what it is judged by */
		struct sock *sk = socket_typed(fd);

		if (!sk)
			return 1;
		family = sk->__sk_common.skc_family;
		local = sk->__sk_common.skc_num;
		remote = ntohs(sk->__sk_common.skc_dport);
	} else {
		if (!find_ends(w, fd))
			return 1;
		family = e->family;
		local = e->local_port;
		remote = e->remote_port;
	}
	if (family != 2 && family != 10)
		return 1;
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

#include "process.h"

/* file_names adds the names of the path of the file behind a descriptor. */
inline_ void file_names(struct work *w, u32 fd, u32 op)
{
	struct file *f = opened(fd);

	if (f)
		names(w, get(f, f_path.dentry), get(f, f_path.mnt), op);
}

/* gather adds what an op asks for. */
inline_ void gather(struct work *w, volatile const struct op *op, u32 i)
{
	u32 kind = op->kind, arg = op->arg, size = op->size, unit = op->unit;
	s64 result = w->head.result;
	u64 value = arg < 6 ? w->head.args[arg & 7] : result;
	u64 n = unit;
	u32 fd = 0;

	if (size < 6)
		n = w->head.args[size & 7] * unit;
	else if (size == BY_RESULT)
		n = result < 0 ? 0 : result * unit;
	switch (kind) {
	case TEXT:
		text(w, value, i);
		break;
	case MEMORY:
		memory(w, value, at_most(n, LONGEST), at_most(n, ~0U), i);
		break;
	case DATA:
		if (result > 0 && n > (u64)result)
			n = result;
		memory(w, value, at_most(n, snaplen), at_most(n, ~0U), i);
		break;
	case VECTOR:
		vectors(w, value, w->head.args[(arg + 1) & 7], size == BY_RESULT ? n : ~0U, i);
		break;
	case MESSAGE:
		message(w, value, size == BY_RESULT ? n : ~0U, i);
		break;
	case MESSAGES:
		messages(w, value, result > 0 ? result : 0, i);
		break;
	case SOCKET:
		if (arg < 6 || result >= 0)
			socket(w, value, i);
		break;
	case OPENED:
		if (result >= 0)
			file(w, value, i);
		break;
	case OPENED_AT:
	case SOCKET_AT:
		if (result < 0 || bpf_probe_read_user(&fd, sizeof(fd), (void *)value))
			break;
		if (kind == OPENED_AT)
			file(w, fd, i);
		else
			socket(w, fd, i);
		break;
	case NAMED:
		if (result >= 0)
			file_names(w, value, i);
		break;
	case USAGE:
		add_usage(w, i);
		break;
	case PROCESS:
		add_process(w, bpf_get_current_task_btf(), i);
		break;
	}
}

noinline_ void gather_all(struct work *w, volatile const struct call *c)
{
	for (u32 i = 0; i < OPS; i++) {
		if (c->op[i].kind == NONE)
			break;
		gather(w, &c->op[i], i);
	}
}

#include "narrow.h"

/* arguments takes the arguments of the call from the registers of the process. */
inline_ void arguments(struct work *w, void *ctx)
{
	struct pt_regs *x86 = ctx;
	struct pt_regs___arm64 *arm = ctx;

	if (w->head.compat && exists(x86, orig_ax))
		narrow_arguments(w, x86);
	else if (typed && exists(x86, orig_ax)) {
		w->head.args[0] = x86->di;
		w->head.args[1] = x86->si;
		w->head.args[2] = x86->dx;
		w->head.args[3] = x86->r10;
		w->head.args[4] = x86->r8;
		w->head.args[5] = x86->r9;
	} else if (exists(x86, orig_ax)) { /* it exists */
		w->head.args[0] = get(x86, di);
		w->head.args[1] = get(x86, si);
		w->head.args[2] = get(x86, dx);
		w->head.args[3] = get(x86, r10);
		w->head.args[4] = get(x86, r8);
		w->head.args[5] = get(x86, r9);
	} else {
		w->head.args[0] = get(arm, orig_x0);
		w->head.args[1] = get(arm, regs[1]);
		w->head.args[2] = get(arm, regs[2]);
		w->head.args[3] = get(arm, regs[3]);
		w->head.args[4] = get(arm, regs[4]);
		w->head.args[5] = get(arm, regs[5]);
	}
}

/* call_number is the number of the call that a process is in. */
inline_ u32 call_number(struct pt_regs *regs)
{
	if (!exists(regs, orig_ax))
		return known(get((struct pt_regs___arm64 *)regs, syscallno), regs);
	return known(typed ? regs->orig_ax : get(regs, orig_ax), regs);
}

SEC("tp_btf/sys_enter")
int tapir_enter(u64 *ctx)
{
	u32 number = known(ctx[1], (void *)ctx[0]);
	struct entered *e;

	if (!(calls[number].flags & WANTED) || skipped())
		return 0;
	if (programs_only && !(calls[number].flags & STATE) && filtered())
		return 0;
	e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (e) {
		e->at = bpf_ktime_get_ns();
		e->number = number;
	}
	return 0;
}

SEC("tp_btf/sys_exit")
int tapir_exit(u64 *ctx)
{
	u64 at, number = call_number((void *)ctx[0]), waiting;
	volatile const struct call *c = &calls[number & (2 * CALLS - 1)];
	struct entered *e;
	struct work *w;

	if (!(c->flags & WANTED) && number != NO_CALL) /* what most calls are, where there is a filter */
		return 0;
	e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, 0);
	at = e ? e->at : 0;
	if (at) {
		number = e->number;
		e->at = 0;
	}
	number &= 2 * CALLS - 1;
	c = &calls[number];
	if (!at && (!(c->flags & MAKES) || (s64)ctx[1] < 0 || skipped()))
		return 0;
	if (!(w = room()))
		return 0;
	w->head.number = number;
	w->head.compat = number >= CALLS;
	arguments(w, (void *)ctx[0]);
	if (sockets_only && (c->flags & (STATE | USES)) == USES && elsewhere(w, w->head.args[c->fd & 7]))
		return 0;
	if (full(c->class, &waiting))
		return 0;
	fill_head(w, CALL, number, at, ctx[1]);
	gather_all(w, c);
	emit(w, c->class, waiting);
	return 0;
}

enum { IPPROTO_TCP = 6, PF_KTHREAD = 0x200000, WHERE = 7 /* number of the chunk with the socket's ends */ };

/* transferred makes a record of the call at hand, which sent to a socket or received from it. */
inline_ int transferred(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sock *sk = (void *)ctx[0];
	volatile const struct call *c;
	struct pt_regs *regs;
	struct chunk *chunk;
	struct work *w;
	u64 waiting;
	u32 number;
	u16 family = sk->__sk_common.skc_family, port = ntohs(sk->__sk_common.skc_dport);

	if ((family != 2 && family != 10) || sk->sk_protocol != IPPROTO_TCP || task->flags & PF_KTHREAD)
		return 0;
	if (ports_only && port && !port_wanted(port) && !port_wanted(sk->__sk_common.skc_num))
		return 0;
	if (skipped() || (programs_only && filtered()))
		return 0;
	regs = bpf_task_pt_regs(task);
	number = call_number(regs) & (2 * CALLS - 1);
	c = &calls[number];
	if ((c->flags & (WANTED | STATE | USES)) != (WANTED | USES) || full(c->class, &waiting) || !(w = begin(CALL, number, 0, (int)ctx[1])))
		return 0;
	arguments(w, regs);
	w->ends_of = (u32)w->head.args[c->fd & 7] + 1;
	fill_ends(&w->ends, sk, direct);
	finish_ends(&w->ends, sk, family);
	chunk = add(w, WHERE, 0);
	__builtin_memcpy(body(w), &w->ends, sizeof(w->ends));
	end(w, chunk, sizeof(w->ends), sizeof(w->ends));
	gather_all(w, c);
	emit(w, c->class, waiting);
	return 0;
}

SEC("tp_btf/sock_send_length")
int tapir_sent(u64 *ctx)
{
	return transferred(ctx);
}

SEC("tp_btf/sock_recv_length")
int tapir_received(u64 *ctx)
{
	return transferred(ctx);
}

enum { TCP_LISTEN = 10 };

SEC("tp_btf/inet_sock_set_state")
int tapir_listens(u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct work *w;
	u64 waiting;

	if (ctx[2] != TCP_LISTEN || full(0, &waiting) || !(w = begin(LISTENS, 0, 0, sk->__sk_common.skc_num)))
		return 0;
	emit(w, 0, waiting);
	return 0;
}

#include "uring.h"
#include "sched.h"
#include "state.h"

SEC("tp_btf/sched_process_exec")
int tapir_exec(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *binary = (void *)ctx[2];
	struct entered *e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, 0);
	u32 number = e && e->at ? e->number : execve_number;
	u64 at = e ? e->at : 0, waiting;
	struct chunk *c;
	struct work *w;
	long n;

	if (skipped() || full(calls[number & (2 * CALLS - 1)].class, &waiting) || !(w = begin(EXEC, number, at, 0)))
		return 0;
	if (e)
		e->at = 0; /* the call's exit has nothing to add */
	add_process(w, task, 0);
	c = add(w, 1, 0);
	n = bpf_probe_read_kernel_str(body(w), LONGEST, get(binary, filename));
	if (n < 0 || n > LONGEST)
		n = 0;
	end(w, c, n, n);
	emit(w, calls[number & (2 * CALLS - 1)].class, waiting);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int tapir_fork(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[1];
	struct entered *e = bpf_task_storage_get(&under_way, bpf_get_current_task_btf(), 0, 0);
	u32 class = calls[execve_number & (CALLS - 1)].class;
	struct work *w;
	u64 waiting;

	if (skipped() || get(child, flags) & PF_KTHREAD || full(class, &waiting) || !(w = begin(FORK, e ? e->number : 0, e ? e->at : 0, 0)))
		return 0;
	w->head.thread = get(child, pid);
	w->head.process = get(child, tgid);
	add_process(w, child, 0);
	emit(w, class, waiting);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int tapir_gone(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 class = calls[execve_number & (CALLS - 1)].class;
	struct work *w;
	u64 waiting;

	if (skipped() || get(task, flags) & PF_KTHREAD || full(class, &waiting) || !(w = begin(GONE, 0, 0, get(task, exit_code))))
		return 0;
	emit(w, class, waiting);
	return 0;
}

char license_[] SEC("license") = "Dual BSD/GPL";
