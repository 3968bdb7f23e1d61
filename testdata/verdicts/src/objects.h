/* SPDX-License-Identifier: MIT */
/* objects of the program's own, lists, trees, arenas: what older headers do not know */
#ifndef ORACLE_OBJECTS_H
#define ORACLE_OBJECTS_H
#include "loop.h"
struct bpf_list_head { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_list_node { __u64 opaque[3]; } __attribute__((aligned(8)));
struct bpf_rb_root { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_rb_node { __u64 opaque[4]; } __attribute__((aligned(8)));
struct bpf_refcount { __u32 opaque[1]; } __attribute__((aligned(4)));
struct bpf_task_work { __u64 opaque; } __attribute__((aligned(8)));
#define BPF_MAP_TYPE_ARENA 33

#define __kptr_ __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr_ __attribute__((btf_type_tag("percpu_kptr")))
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define container(ptr, type, member) ((type *)((void *)(ptr) - __builtin_offsetof(type, member)))
#define NEW(type) ((type *)bpf_obj_new_impl(__builtin_btf_type_id(*((type *)0), 0), NULL))
#define PNEW(type) ((type *)bpf_percpu_obj_new_impl(__builtin_btf_type_id(*((type *)0), 0), NULL))
#define DROP(p) bpf_obj_drop_impl(p, NULL)
KFV(void *bpf_obj_new_impl(__u64 local_type_id, void *meta));
KFV(void bpf_obj_drop_impl(void *kptr, void *meta));
KFV(void *bpf_percpu_obj_new_impl(__u64 local_type_id, void *meta));
KFV(void bpf_percpu_obj_drop_impl(void *kptr, void *meta));
KFV(void *bpf_refcount_acquire_impl(void *kptr, void *meta));
KFV(int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off));
KFV(int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off));
KFV(struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head));
KFV(struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head));
KFV(struct bpf_list_node *bpf_list_front(struct bpf_list_head *head));
KFV(struct bpf_list_node *bpf_list_del(struct bpf_list_head *head, struct bpf_list_node *node));
KFV(bool bpf_list_empty(struct bpf_list_head *head));
KFV(bool bpf_list_is_first(struct bpf_list_head *head, struct bpf_list_node *node));
KFV(struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node));
KFV(int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node, bool (less)(struct bpf_rb_node *a, const struct bpf_rb_node *b), void *meta, __u64 off));
KFV(struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root));
KFV(struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root));
KFV(struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node));

#define __arena __attribute__((address_space(1)))
KFV(void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 page_cnt, int node_id, __u64 flags));
KFV(void bpf_arena_free_pages(void *map, void __arena *ptr, __u32 page_cnt));
KFV(int bpf_arena_reserve_pages(void *map, void __arena *ptr, __u32 page_cnt));
#endif
