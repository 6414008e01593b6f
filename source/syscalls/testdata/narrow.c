/* A 32-bit program without a library, which makes calls as such programs do:
 * gcc -m32 -nostdlib -static -fno-pie -no-pie -fno-stack-protector -o narrow narrow.c
 * It prints nothing; the test knows what it does. argv[1] is the folder to do it in. */
static int call(int n, long a, long b, long c, long d, long e, long f)
{
	int out;

	__asm__ volatile("push %%ebp; movl %7, %%ebp; int $0x80; pop %%ebp"
			 : "=a"(out) : "0"(n), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "m"(f) : "memory");
	return out;
}

struct vector {
	const char *base;
	unsigned size;
};

struct message {
	void *name;
	unsigned name_size;
	struct vector *vectors;
	unsigned count;
	void *control;
	unsigned control_size, flags;
};

void run(const char *dir)
{
	struct vector v[2] = {{"one ", 4}, {"two", 3}};
	struct message m = {0, 0, v, 2, 0, 0, 0};
	unsigned char any[8] = {2, 0, 0, 0, 127, 0, 0, 1};
	long args[6] = {2, 2, 0};
	int pair[2], pause[2] = {0, 1000}, fd, s;
	char b[64];

	for (fd = 3; fd < 20; fd++)
		call(6, fd, 0, 0, 0, 0, 0); /* close */
	call(12, (long)dir, 0, 0, 0, 0, 0); /* chdir */
	fd = call(5, (long)"narrow", 0102, 0640, 0, 0, 0); /* open */
	call(4, fd, (long)"hello, narrow", 13, 0, 0, 0); /* write */
	call(146, fd, (long)v, 2, 0, 0, 0); /* writev */
	call(19, fd, -3, 2, 0, 0, 0); /* lseek */
	call(180, fd, (long)b, 6, 7, 0, 0); /* pread64 */
	call(199, 0, 0, 0, 0, 0, 0); /* getuid32 */
	call(162, (long)pause, 0, 0, 0, 0, 0); /* nanosleep */
	call(192, 0, 4096, 3, 0x22, -1, 0); /* mmap2 */
	call(116, (long)b, 0, 0, 0, 0, 0); /* sysinfo: no event of its own */
	s = call(102, 1, (long)args, 0, 0, 0, 0); /* socketcall: socket */
	args[0] = s, args[1] = (long)any, args[2] = 16;
	call(102, 2, (long)args, 0, 0, 0, 0); /* bind */
	args[0] = 1, args[1] = 1, args[2] = 0, args[3] = (long)pair;
	call(102, 8, (long)args, 0, 0, 0, 0); /* socketpair */
	args[0] = pair[0], args[1] = (long)&m, args[2] = 0;
	call(102, 16, (long)args, 0, 0, 0, 0); /* sendmsg */
	args[0] = pair[1], args[1] = (long)b, args[2] = 64, args[3] = 0;
	call(102, 10, (long)args, 0, 0, 0, 0); /* recv */
	call(6, fd, 0, 0, 0, 0, 0); /* close */
	call(1, 0, 0, 0, 0, 0, 0); /* exit */
}

__asm__(".globl _start\n_start: movl 8(%esp), %eax\npushl %eax\ncall run");
