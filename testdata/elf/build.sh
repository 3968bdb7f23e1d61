#!/bin/sh
# Compiles the fixtures. Needs clang-14, clang-19, llvm-19 and bpftool; `./build.sh core` compiles only that source, and so on.
set -e
cd "$(dirname "$0")"
flags="-target bpf -g -O2 -Wall -Wno-unused -fdebug-prefix-map=$PWD=. -c"
# name compiler cpu
while read -r name compiler cpu; do
	[ -z "$1" ] || [ "$1" = "$name" ] || continue
	clang-$compiler $flags -mcpu="$cpu" "$name.bpf.c" -o "$name.clang$compiler.$cpu.bpf.o"
done <<-LIST
	loop 14 v2
	loop 14 v3
	loop 19 v2
	loop 19 v3
	loop 19 v4
	core 19 v3
	core 19 v4
	plain 19 v3
	strong 19 v3
	maps 19 v3
	part-a 19 v3
	part-b 19 v3
LIST
[ -z "$1" ] || [ "$1" = plain ] && llvm-strip-19 --strip-debug plain.clang19.v3.bpf.o
[ -z "$1" ] || exit 0
bpftool gen object loop.clang19.v4.linked.bpf.o loop.clang19.v4.bpf.o
bpftool gen object loop.clang14.v3.linked.bpf.o loop.clang14.v3.bpf.o
bpftool gen object parts.linked.bpf.o part-a.clang19.v3.bpf.o part-b.clang19.v3.bpf.o
