/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shadow tables, with which the host runs a guest natively. They are a large TLB: fault() in
 * sie_native.c adds entries, and instructions of the guest that purge the TLB remove entries.
 *
 * Each address space of a guest has two trees of tables: one for instructions, which the
 * CPU fetches from its primary space, and one for operands, which it accesses in its
 * secondary space. Therefore, instructions that must not run natively can be concealed from
 * the CPU, although the guest can still load them as operands.
 */
#ifndef AP_HWSIM_SIE_SHADOW_H
#define AP_HWSIM_SIE_SHADOW_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct hwsim_shadow;
struct kvm;

/* Addresses in the shadow have at most this number of bits. */
#define HWSIM_SHADOW_BITS	53

/* Stands for an ASCE if DAT is off. space_asce() clears this bit in ASCEs; CPUs ignore it. */
#define HWSIM_ASCE_REAL		0x10UL

#define HWSIM_PTE_INVALID	0x400UL
#define HWSIM_PTE_PROTECTED	0x200UL
#define HWSIM_PTES		256

/* Do not warn if there is no memory, because the guest tries again. */
#define HWSIM_SHADOW_GFP	(GFP_ATOMIC | __GFP_NOWARN)

/* sie_table.c */

/**
 * struct hwsim_map - a page of the guest that a shadow page table maps
 * @node: element of @frame->maps
 * @frame: the page
 * @table: the page table
 * @index: index in @table
 * @write: the guest can store into the page through this entry
 */
struct hwsim_map {
	struct hlist_node node;
	struct hwsim_frame *frame;
	struct hwsim_page_table *table;
	unsigned int index;
	bool write;
};

/**
 * struct hwsim_page_table - a shadow page table
 * @tree: the tree
 * @node: element of @tree->used, if @nr_maps is not 0
 * @by_pto: element of the hash of the shadow, if @pto is not 0
 * @pto: origin of the page table of the guest, or 0
 * @base: first address that the table translates
 * @entries: page-table entries
 * @nr_maps: number of valid entries
 * @maps: what the entries map, or NULL
 */
struct hwsim_page_table {
	struct hwsim_tree *tree;
	struct list_head node;
	struct hlist_node by_pto;
	u64 pto;
	u64 base;
	u64 *entries;
	unsigned int nr_maps;
	struct hwsim_map *maps[HWSIM_PTES];
};

/**
 * struct hwsim_tree - the tables of the instructions or of the operands of a space
 * @code: for instructions
 * @top: region-second table
 * @upper: all region-third and segment tables
 * @page_tables: struct hwsim_page_table, by address in units of a segment (1 MB)
 * @used: page tables with valid entries
 */
struct hwsim_tree {
	bool code;
	u64 *top;
	struct list_head upper;
	struct xarray page_tables;
	struct list_head used;
};

int hwsim_tree_init(struct hwsim_tree *tree, bool code);
void hwsim_tree_destroy(struct hwsim_tree *tree);
void hwsim_tree_cut(struct hwsim_tree *tree);
unsigned int hwsim_tree_free_tables(struct hwsim_tree *tree);
u64 hwsim_tree_asce(const struct hwsim_tree *tree);
struct hwsim_page_table *hwsim_tree_find(struct hwsim_tree *tree, u64 addr);
struct hwsim_page_table *hwsim_tree_add(struct hwsim_tree *tree, u64 addr);

/* sie_code.c */

#define HWSIM_HALFWORDS		2048

/**
 * struct hwsim_code - a page of the guest as the CPU executes it
 * @copy: the page: revealed halfwords, and zeros
 * @revealed: bitmap of the revealed halfwords
 * @starts: bitmap of the revealed halfwords that begin an instruction
 * @crosses: number of halfwords of the last instruction that are in the next page
 * @hidden: first halfword of that instruction, until hwsim_code_reveal_last() reveals it, or 0
 * @freed: list of the copies that a worker frees
 */
struct hwsim_code {
	u16 *copy;
	DECLARE_BITMAP(revealed, HWSIM_HALFWORDS);
	DECLARE_BITMAP(starts, HWSIM_HALFWORDS);
	unsigned int crosses;
	u16 hidden;
	struct llist_node freed;
};

bool hwsim_code_conceals(u16 first, bool clocks);
struct hwsim_code *hwsim_code_alloc(void);
void hwsim_code_free(struct hwsim_code *code);
bool hwsim_code_reveal(struct hwsim_code *code, const u16 *page, unsigned int offset, bool run,
		       bool clocks);
void hwsim_code_reveal_tail(struct hwsim_code *code, const u16 *page, unsigned int count);
void hwsim_code_reveal_last(struct hwsim_code *code);
void hwsim_code_verify(struct hwsim_code *code, const u16 *page);

/* sie_shadow.c */

/**
 * struct hwsim_space - an address space of a guest, as one of its CPUs sees it
 * @node: element of the list of the shadow, most recently used first
 * @asce: the bits of the ASCE that tell spaces apart, or HWSIM_ASCE_REAL
 * @prefix: prefix of the CPU, because real addresses depend on it
 * @users: references from hwsim_space_get(); a vCPU may have two
 * @code: tables for instructions
 * @data: tables for operands
 */
struct hwsim_space {
	struct list_head node;
	u64 asce;
	u32 prefix;
	unsigned int users;
	struct hwsim_tree code;
	struct hwsim_tree data;
};

/**
 * struct hwsim_mapping - a page to add to the shadow tables
 * @space: the space
 * @addr: virtual address in the guest
 * @user: address of the page in the VMM
 * @pto: origin of the page table of the guest, or 0
 * @purges: hwsim_shadow_purges() before the address was translated
 * @code: add the page for instructions instead of operands
 * @store: the guest tried to store
 * @writable: the tables of the guest permit stores
 */
struct hwsim_mapping {
	struct hwsim_space *space;
	u64 addr;
	unsigned long user;
	u64 pto;
	int purges;
	bool code;
	bool store;
	bool writable;
};

struct hwsim_shadow *hwsim_shadow_create(struct kvm *kvm);
void hwsim_shadow_destroy(struct hwsim_shadow *shadow);
void hwsim_shadow_check(struct hwsim_shadow *shadow, u64 generation, bool clocks, bool dat);
struct hwsim_space *hwsim_space_get(struct hwsim_shadow *shadow, u64 asce, u32 prefix);
void hwsim_space_put(struct hwsim_shadow *shadow, struct hwsim_space *space);
bool hwsim_space_is(const struct hwsim_space *space, u64 asce, u32 prefix);
int hwsim_shadow_map(struct hwsim_shadow *shadow, const struct hwsim_mapping *mapping);
bool hwsim_shadow_reveal(struct hwsim_shadow *shadow, struct hwsim_space *space, u64 addr,
			 bool run);
int hwsim_shadow_invalidations(const struct hwsim_shadow *shadow);
int hwsim_shadow_executions(const struct hwsim_shadow *shadow);
int hwsim_shadow_purges(const struct hwsim_shadow *shadow);
bool hwsim_shadow_clocks(const struct hwsim_shadow *shadow);
void hwsim_shadow_written(struct hwsim_shadow *shadow, unsigned long user);
void hwsim_shadow_purge_entry(struct hwsim_shadow *shadow, u64 pto, unsigned int index);
void hwsim_shadow_purge_asce(struct hwsim_shadow *shadow, u64 asce);
void hwsim_shadow_purge_dat(struct hwsim_shadow *shadow);
void hwsim_shadow_cpu_enters(struct hwsim_shadow *shadow);
void hwsim_shadow_cpu_leaves(struct hwsim_shadow *shadow);

/* Events of the native engine that debugfs counts */
enum hwsim_native_stat {
	HWSIM_NATIVE_ENTRIES,
	HWSIM_NATIVE_WORLDS,
	HWSIM_NATIVE_SPACES,
	HWSIM_NATIVE_SVC,
	HWSIM_NATIVE_HOST_IRQ,
	HWSIM_NATIVE_EMULATED,
	HWSIM_NATIVE_INTERPRETED,
	HWSIM_NATIVE_PROGRAM,
	HWSIM_NATIVE_FAULTS,
	HWSIM_NATIVE_CODE_MAPPED,
	HWSIM_NATIVE_REVEALED,
	HWSIM_NATIVE_CODE_WRITTEN,
	HWSIM_NATIVE_PURGED,
	HWSIM_NATIVE_NOTIFIED,
	HWSIM_NR_NATIVE_STATS
};

extern atomic64_t hwsim_native_stats[HWSIM_NR_NATIVE_STATS];

static inline void hwsim_native_count(enum hwsim_native_stat stat)
{
	atomic64_inc(&hwsim_native_stats[stat]);
}

#endif /* AP_HWSIM_SIE_SHADOW_H */
