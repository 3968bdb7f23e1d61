/* SPDX-License-Identifier: MIT */
/*
 * The same object started by libbpf: usage libbpf OBJECT DEPTH REQUESTS. Loads a loop for a ring of the kind loopstep makes
 * (SINGLE_ISSUER, DEFER_TASKRUN, NO_SQARRAY, SQ_REWIND, CQSIZE, memory of the process), enters it once to warm up and once
 * for good. Prints nanoseconds of the latter, and nanoseconds of opening, loading and attaching.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What older headers lack; include/uapi/linux/io_uring.h at v7.2. */
struct sq_offsets {
	__u32 head, tail, mask, entries, flags, dropped, array, resv1;
	__u64 user_addr;
};
struct cq_offsets {
	__u32 head, tail, mask, entries, overflow, cqes, flags, resv1;
	__u64 user_addr;
};
struct params {
	__u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, resv[3];
	struct sq_offsets sq_off;
	struct cq_offsets cq_off;
};
enum {
	CQSIZE = 1 << 3,
	SINGLE_ISSUER = 1 << 12,
	DEFER_TASKRUN = 1 << 13,
	NO_MMAP = 1 << 14,
	NO_SQARRAY = 1 << 16,
	SQ_REWIND = 1 << 20,
	GETEVENTS = 1,
	/* offset of the member in struct io_uring_bpf_ops as the object declares it */
	RING_FD = 8,
	AREA = 1 << 20,
};

/* A libbpf that was built with a newer C library calls these by names an older one lacks. */
#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 38)
unsigned long long __isoc23_strtoull(const char *text, char **end, int base)
{
	return strtoull(text, end, base);
}
int __isoc23_sscanf(const char *text, const char *format, ...)
{
	va_list args;
	int found;

	va_start(args, format);
	found = vsscanf(text, format, args);
	va_end(args);
	return found;
}
int __isoc23_fscanf(FILE *file, const char *format, ...)
{
	va_list args;
	int found;

	va_start(args, format);
	found = vfscanf(file, format, args);
	va_end(args);
	return found;
}
#endif

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "libbpf: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Where the variable lies: in the bytes a section starts with, or in the section as the program sees it once loaded. */
static void *variable(struct bpf_object *object, const char *name)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;

	for (int id = btf__type_cnt(btf) - 1; id > 0; id--) {
		const struct btf_type *section = btf__type_by_id(btf, id);
		const struct btf_var_secinfo *found = btf_var_secinfos(section);

		for (int i = 0; btf_is_datasec(section) && i < btf_vlen(section); i++, found++) {
			if (strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, found->type)->name_off), name))
				continue;
			bpf_object__for_each_map(map, object) {
				const char *dot = strchr(bpf_map__name(map), '.');
				size_t size;

				if (dot && !strcmp(dot, btf__name_by_offset(btf, section->name_off)))
					return (char *)bpf_map__initial_value(map, &size) + found->offset;
			}
		}
	}
	errno = ENOENT;
	fail(name);
	return NULL;
}

static void set(struct bpf_object *object, const char *name, __u32 value)
{
	memcpy(variable(object, name), &value, sizeof(value));
}

static struct bpf_map *ops_of(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	errno = ENOENT;
	fail("struct_ops map");
	return NULL;
}

static uint64_t run(struct bpf_object *object, int ring, __u64 requests)
{
	volatile __u64 *left = variable(object, "reqs_to_run");
	uint64_t start;

	*left = requests;
	start = now();
	if (syscall(__NR_io_uring_enter, ring, 0, 0, GETEVENTS, NULL, 0))
		fail("io_uring_enter");
	start = now() - start;
	if (*left)
		fail("requests are left over");
	return start;
}

int main(int argc, char **argv)
{
	unsigned depth = argc > 2 ? atoi(argv[2]) : 1;
	__u64 requests = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
	struct params p = {
		.cq_entries = depth,
		.flags = CQSIZE | SINGLE_ISSUER | DEFER_TASKRUN | NO_MMAP | NO_SQARRAY | SQ_REWIND,
	};
	char *memory = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bpf_object *object;
	uint64_t start, loaded;
	struct bpf_map *ops;
	size_t size;
	int ring;

	p.cq_off.user_addr = (uintptr_t)memory;
	p.sq_off.user_addr = (uintptr_t)memory + AREA;
	ring = syscall(__NR_io_uring_setup, depth, &p);
	if (ring < 0)
		fail("io_uring_setup");
	start = now();
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		fail("open");
	set(object, "sq_entries", p.sq_entries);
	set(object, "cq_entries", p.cq_entries);
	set(object, "cq_head_offset", p.cq_off.head);
	set(object, "cq_tail_offset", p.cq_off.tail);
	set(object, "cqes_offset", p.cq_off.cqes);
	set(object, "queue_depth", depth);
	ops = ops_of(object);
	memcpy((char *)bpf_map__initial_value(ops, &size) + RING_FD, &ring, sizeof(ring));
	if (bpf_object__load(object))
		fail("load");
	if (!bpf_map__attach_struct_ops(ops))
		fail("attach");
	loaded = now() - start;
	run(object, ring, requests < 2000 ? requests : 2000);
	printf("%llu %llu\n", (unsigned long long)run(object, ring, requests), (unsigned long long)loaded);
	return 0;
}
