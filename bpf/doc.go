// Package bpf holds the programs that run in the kernel: their C sources and the objects made of them, which are
// committed so that building Tapir needs no clang. Packages mirror and
// source/syscalls load them.
//
// go generate builds them again with the compiler that the objects name (clang 14 of Debian 12); a test rebuilds them and
// wants equal bytes. The sources include no kernel headers: kernel.h has the few definitions they need.
package bpf

//go:generate go tool bpf2go -target bpfel,bpfeb -cc clang -strip llvm-strip -cflags "-mcpu=v3 -Wall -Wextra -Werror -Wno-parentheses" -type plan -type copy -type count -type shape -type work -type pace -type pair Mirror mirror.bpf.c
//go:generate go tool bpf2go -target bpfel,bpfeb -cc clang -strip llvm-strip -cflags "-mcpu=v3 -Wall -Wextra -Werror -Wno-parentheses" -type head -type chunk -type process -type ends Syscalls syscalls.bpf.c
