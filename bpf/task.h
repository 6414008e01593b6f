/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the programs for system calls read of the kernel's own structures. Only the members that are read are declared; where
 * they stand is found out when a program is loaded, from the types that the running kernel tells of itself (BTF). */
#pragma once

typedef long long s64;
typedef int s32;
typedef short s16;
typedef signed char s8;

struct pt_regs { /* x86 */
	unsigned long bp, bx, r10, r9, r8, cx, dx, si, di, orig_ax;
} relocated_;

struct pt_regs___arm64 {
	u64 regs[31], orig_x0;
	s32 syscallno;
} relocated_;

struct qstr {
	const u8 *name;
} relocated_;

struct super_block {
	u32 s_dev;
} relocated_;

typedef struct {
	u32 val;
} kuid_t;

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
} relocated_;

struct inode {
	u16 i_mode;
	kuid_t i_uid, i_gid;
	unsigned long i_ino;
	struct super_block *i_sb;
	s64 i_ctime_sec, i_mtime_sec;
	u32 i_ctime_nsec, i_mtime_nsec;
} relocated_;

struct inode___mid { /* Linux 6.7 to 6.10 */
	struct timespec64 __i_ctime, __i_mtime;
} relocated_;

struct inode___old { /* before; 6.6 has the one time by its newer name */
	struct timespec64 i_ctime, i_mtime;
} relocated_;

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
} relocated_;

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
} relocated_;

struct vfsmount {
	struct dentry *mnt_root;
} relocated_;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} relocated_;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} relocated_;

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
	u32 f_flags;
} relocated_;

struct hlist_head {
	struct hlist_node *first;
} relocated_;

struct fdtable {
	u32 max_fds;
	unsigned long *close_on_exec;
	struct file **fd;
} relocated_;

struct files_struct {
	struct fdtable *fdt;
} relocated_;

struct fs_struct {
	struct path root, pwd;
} relocated_;

struct percpu_counter {
	s64 count;
	s32 *counters; /* of each CPU, yet to be added */
} relocated_;

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end, total_vm;
	struct percpu_counter rss_stat[4];
	struct file *exe_file;
} relocated_;

struct mm_counter___old {
	s64 counter;
} relocated_;

struct mm_rss_stat {
	struct mm_counter___old count[4];
} relocated_;

struct mm_struct___old { /* before Linux 6.2 */
	struct mm_rss_stat rss_stat;
} relocated_;

typedef struct {
	u64 val;
} kernel_cap_t;

struct cred {
	kuid_t euid, egid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
} relocated_;

struct upid { /* as the kernel has it: which one of several is found without relocation */
	int nr;
	struct pid_namespace *ns;
} relocated_;

struct pid {
	u32 level;
	struct upid numbers[1];
} relocated_;

struct tty_driver {
	int major, minor_start;
} relocated_;

struct tty_struct {
	int index;
	struct tty_driver *driver;
} relocated_;

struct rlimit {
	unsigned long rlim_cur;
} relocated_;

struct signal_struct {
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
	unsigned long maj_flt, min_flt; /* of threads that have ended */
} relocated_;

struct pid_namespace {
	struct task_struct *child_reaper;
} relocated_;

struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
} relocated_;

struct thread_info {
	unsigned long flags;
	u32 status; /* x86 */
} relocated_;

struct task_struct {
	struct thread_info thread_info;
	u64 start_time;
	struct nsproxy *nsproxy;
	int pid, tgid, exit_code;
	u32 flags;
	kuid_t loginuid;
	unsigned long maj_flt, min_flt;
	char comm[16];
	struct task_struct *real_parent, *group_leader;
	struct files_struct *files;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct cred *cred;
	struct signal_struct *signal;
	struct pid *thread_pid;
	struct css_set *cgroups;
} relocated_;

struct linux_binprm {
	const char *filename;
} relocated_;

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num, skc_family;
	u8 skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} relocated_;

struct sock {
	struct sock_common __sk_common;
	u16 sk_type, sk_protocol;
	u32 sk_ack_backlog, sk_max_ack_backlog;
} relocated_;

struct socket {
	struct sock *sk;
} relocated_;

struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[];
} relocated_;

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
} relocated_;

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

/* current_id is the process at hand in its upper half, and the thread. */
inline_ u64 current_id(void)
{
	struct task_struct *task;

	if (!typed)
		return bpf_get_current_pid_tgid();
	task = bpf_get_current_task_btf();
	return (u64)(u32)task->tgid << 32 | (u32)task->pid;
}
