// SPDX-License-Identifier: GPL-2.0
/*
 * The shadow tables of a VM. They map pages of the VMM. An MMU notifier removes a page before it
 * leaves the address space of the VMM, so the shadow needs no references to pages. A reference
 * would keep KVM from making the page secure for a protected guest.
 *
 * The guest can either store into a page or execute it; see sie_code.c for how the CPU
 * executes a page. When the guest executes a page, all mappings for operands become
 * read-only. When it then stores into the page, all mappings for instructions are removed,
 * so that the shadow compares the page with its copy when the guest executes it again.
 *
 * The lock of a shadow protects all its spaces, tables and frames. It is irq-safe, because
 * an AP instruction of the guest stores its results with hwsim_lock held. A CPU that runs
 * the guest uses the tables without the lock. Therefore, a function that removes entries
 * also removes them from the TLBs before it drops the lock and before it frees what the entries
 * mapped.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <asm/tlbflush.h>
#include "sie_shadow.h"

/* Maximum number of spaces per VM. At the limit, the least recently used space is reused. */
#define SPACES_MAX		48

/* Maximum number of shadow page tables per VM. At the limit, all of them are freed. */
#define TABLES_MAX		2048

/* Maximum number of copies of pages per VM. At the limit, most of them are freed. */
#define CODES_MAX		8192

/* Maximum number of pages without a mapping whose copies are kept */
#define IDLE_MAX		2048

/* The bits of an ASCE that tell address spaces apart: origin, real space, type, length */
#define ASCE_KEY		(~0xfffUL | 0x2f)

/**
 * struct shadow_mm - the MMU notifier of an address space with VMs
 * @notifier: the notifier, with a reference for each VM
 * @invalidating: number of invalidations that have begun and not ended
 * @invalidated: number of invalidations that have ended
 * @lock: protects @shadows
 * @shadows: the VMs
 */
struct shadow_mm {
	struct mmu_notifier notifier;
	atomic_t invalidating;
	atomic_t invalidated;
	spinlock_t lock; /* protects @shadows */
	struct list_head shadows;
};

/**
 * struct hwsim_frame - a page of the guest that is mapped, or whose copy is kept
 * @node: if @maps is empty, element of @shadow->unused or @shadow->idle
 * @index: page number in the address space of the VMM
 * @page: the page
 * @maps: struct hwsim_map
 * @executable: number of mappings for instructions
 * @code: the copy that the CPU executes, or NULL if the guest has not executed the page
 * @idle: @node is in @shadow->idle
 */
struct hwsim_frame {
	struct list_head node;
	unsigned long index;
	struct page *page;
	struct hlist_head maps;
	unsigned int executable;
	struct hwsim_code *code;
	bool idle;
};

/**
 * struct hwsim_shadow - the shadow tables of a VM
 * @node: element of @mm->shadows
 * @mm: the address space of the VMM
 * @free_work: frees the shadow
 * @lock: protects the fields below, unless they say otherwise
 * @spaces: struct hwsim_space, most recently used first
 * @nr_spaces: number of elements of @spaces
 * @nr_tables: number of page tables of all @spaces
 * @nr_codes: number of frames with a copy
 * @by_pto: struct hwsim_page_table, by the origin of the page table of the guest
 * @frames: struct hwsim_frame, by page number in the address space of the VMM
 * @touched: page frame numbers of the pages that touch_page() has changed, by the same number;
 *	has a lock of its own
 * @unused: frames without a mapping, until frames_unused()
 * @idle: frames without a mapping whose copies are kept, oldest first
 * @nr_idle: number of elements of @idle
 * @purges: number of purges so far
 * @executions: number of times a page was mapped for execution
 * @stale: entries were invalidated without a TLB flush
 * @running: CPUs that run the guest natively; changed without @lock
 * @generation: generation of the memory slots
 * @clocks: the clock of the guest differs from that of the host
 * @dat: DAT was on when a vCPU last entered SIE
 */
struct hwsim_shadow {
	struct list_head node;
	struct shadow_mm *mm;
	struct work_struct free_work;
	spinlock_t lock; /* protects the fields below */
	struct list_head spaces;
	unsigned int nr_spaces;
	unsigned int nr_tables;
	unsigned int nr_codes;
	DECLARE_HASHTABLE(by_pto, 7);
	struct xarray frames;
	struct xarray touched;
	struct list_head unused;
	struct list_head idle;
	unsigned int nr_idle;
	atomic_t purges;
	atomic_t executions;
	bool stale;
	struct cpumask running;
	u64 generation;
	bool clocks;
	bool dat;
};

/* Removing entries */

/* Test whether another CPU runs the guest natively. */
static bool runs_elsewhere(const struct hwsim_shadow *shadow)
{
	lockdep_assert_held(&shadow->lock);

	return cpumask_any_but(&shadow->running, smp_processor_id()) < nr_cpu_ids;
}

/*
 * Remove invalidated entries from the TLBs. A CPU sets its bit in @running before it purges its
 * TLB and uses the tables, so a CPU whose bit is not set will see the changed tables.
 */
static void shadow_flush(struct hwsim_shadow *shadow)
{
	lockdep_assert_held(&shadow->lock);

	if (!shadow->stale)
		return;
	shadow->stale = false;
	/* Change the tables before reading the mask; see hwsim_shadow_cpu_enters(). */
	smp_mb();
	if (runs_elsewhere(shadow))
		__tlb_flush_global();
	else if (!cpumask_empty(&shadow->running))
		__tlb_flush_local();
}

/* Invalidate a page-table entry, and remove it from the TLBs. */
static void entry_invalidate(struct hwsim_shadow *shadow, struct hwsim_page_table *table,
			     unsigned int index)
{
	u64 addr = table->base + index * PAGE_SIZE;
	pte_t *entry = (pte_t *)&table->entries[index];

	lockdep_assert_held(&shadow->lock);

	WRITE_ONCE(table->entries[index], HWSIM_PTE_INVALID);
	/* As in shadow_flush(), change the table before reading the mask. */
	smp_mb();
	if (runs_elsewhere(shadow))
		__ptep_ipte(addr, entry, 0, 0, IPTE_GLOBAL);
	else if (!cpumask_empty(&shadow->running))
		__ptep_ipte(addr, entry, 0, 0, IPTE_LOCAL);
}

static void frame_unlist(struct hwsim_shadow *shadow, struct hwsim_frame *frame)
{
	lockdep_assert_held(&shadow->lock);

	list_del_init(&frame->node);
	shadow->nr_idle -= frame->idle;
	frame->idle = false;
}

static void frame_free(struct hwsim_shadow *shadow, struct hwsim_frame *frame)
{
	lockdep_assert_held(&shadow->lock);

	frame_unlist(shadow, frame);
	xa_erase(&shadow->frames, frame->index);
	if (frame->code) {
		hwsim_code_free(frame->code);
		shadow->nr_codes--;
	}
	kfree(frame);
}

/*
 * Handle the frames in @unused at the end of a function that may have removed mappings: keep those
 * that have a copy, and free the others.
 */
static void frames_unused(struct hwsim_shadow *shadow)
{
	struct hwsim_frame *frame, *next;

	lockdep_assert_held(&shadow->lock);

	list_for_each_entry_safe(frame, next, &shadow->unused, node) {
		if (!frame->code) {
			frame_free(shadow, frame);
			continue;
		}
		list_move_tail(&frame->node, &shadow->idle);
		frame->idle = true;
		shadow->nr_idle++;
	}
	while (shadow->nr_idle > IDLE_MAX)
		frame_free(shadow, list_first_entry(&shadow->idle, struct hwsim_frame, node));
}

/* Free a mapping. Its entry must be invalid, or in a table that no CPU can reach. */
static void map_free(struct hwsim_shadow *shadow, struct hwsim_map *map)
{
	struct hwsim_page_table *table = map->table;
	struct hwsim_frame *frame = map->frame;

	lockdep_assert_held(&shadow->lock);

	table->maps[map->index] = NULL;
	if (!--table->nr_maps)
		list_del(&table->node);
	hlist_del(&map->node);
	if (table->tree->code)
		frame->executable--;
	if (hlist_empty(&frame->maps))
		list_add(&frame->node, &shadow->unused);
	kfree(map);
	hwsim_native_count(HWSIM_NATIVE_PURGED);
}

static void map_remove(struct hwsim_shadow *shadow, struct hwsim_map *map)
{
	entry_invalidate(shadow, map->table, map->index);
	map_free(shadow, map);
}

/* Free all mappings of a page table. Its entries must be invalid, or no CPU can reach it. */
static void page_table_clear(struct hwsim_shadow *shadow, struct hwsim_page_table *table)
{
	unsigned int i;

	lockdep_assert_held(&shadow->lock);

	for (i = 0; i < HWSIM_PTES && table->nr_maps; i++) {
		if (table->maps[i])
			map_free(shadow, table->maps[i]);
	}
	if (table->pto)
		hash_del(&table->by_pto);
	table->pto = 0;
}

/* First half of emptying a tree: invalidate its entries. The caller must call shadow_flush(). */
static void tree_invalidate(struct hwsim_shadow *shadow, struct hwsim_tree *tree)
{
	struct hwsim_page_table *table;

	lockdep_assert_held(&shadow->lock);

	list_for_each_entry(table, &tree->used, node) {
		memset64(table->entries, HWSIM_PTE_INVALID, HWSIM_PTES);
		shadow->stale = true;
	}
}

/* Second half, after shadow_flush(). Keep the tables, because the guest will need them again. */
static void tree_clear(struct hwsim_shadow *shadow, struct hwsim_tree *tree)
{
	struct hwsim_page_table *table, *next;

	lockdep_assert_held(&shadow->lock);

	list_for_each_entry_safe(table, next, &tree->used, node)
		page_table_clear(shadow, table);
}

/* Conceal all instructions that have changed in the pages of a tree. */
static void tree_verify(struct hwsim_shadow *shadow, struct hwsim_tree *tree)
{
	struct hwsim_page_table *table;
	struct hwsim_frame *frame;
	unsigned int i;

	lockdep_assert_held(&shadow->lock);

	list_for_each_entry(table, &tree->used, node) {
		for (i = 0; i < HWSIM_PTES; i++) {
			if (!table->maps[i])
				continue;
			frame = table->maps[i]->frame;
			hwsim_code_verify(frame->code, page_address(frame->page));
		}
	}
}

/* Free the tables of a tree. */
static void tree_empty(struct hwsim_shadow *shadow, struct hwsim_tree *tree)
{
	struct hwsim_page_table *table;
	unsigned long index;

	lockdep_assert_held(&shadow->lock);

	if (xa_empty(&tree->page_tables))
		return;
	hwsim_tree_cut(tree);
	shadow->stale = true;
	shadow_flush(shadow);
	xa_for_each(&tree->page_tables, index, table)
		page_table_clear(shadow, table);
	shadow->nr_tables -= hwsim_tree_free_tables(tree);
}

static void space_empty(struct hwsim_shadow *shadow, struct hwsim_space *space)
{
	lockdep_assert_held(&shadow->lock);

	tree_empty(shadow, &space->code);
	tree_empty(shadow, &space->data);
}

static void frame_remove(struct hwsim_shadow *shadow, struct hwsim_frame *frame, bool code_only)
{
	struct hwsim_map *map;
	struct hlist_node *next;

	lockdep_assert_held(&shadow->lock);

	hlist_for_each_entry_safe(map, next, &frame->maps, node) {
		if (!code_only || map->table->tree->code)
			map_remove(shadow, map);
	}
}

/* Forget a page, for example because it may leave the address space of the VMM. */
static void frame_drop(struct hwsim_shadow *shadow, struct hwsim_frame *frame)
{
	lockdep_assert_held(&shadow->lock);

	frame_remove(shadow, frame, false);
	frame_free(shadow, frame);
}

static void frames_drop(struct hwsim_shadow *shadow, unsigned long first, unsigned long last)
{
	struct hwsim_frame *frame;
	unsigned long index;

	lockdep_assert_held(&shadow->lock);

	xa_for_each_range(&shadow->frames, index, frame, first, last)
		frame_drop(shadow, frame);
}

/* The guest stores into a page, so the CPU must no longer execute its copy. */
static void frame_written(struct hwsim_shadow *shadow, struct hwsim_frame *frame)
{
	lockdep_assert_held(&shadow->lock);

	if (!frame->executable)
		return;
	hwsim_native_count(HWSIM_NATIVE_CODE_WRITTEN);
	frame_remove(shadow, frame, true);
}

/* Purging, when the guest requests it or the VMM has changed something */

/**
 * hwsim_shadow_purge_entry - remove what was mapped with a page-table entry of the guest
 * @shadow: the shadow
 * @pto: origin of the page table of the guest
 * @index: index of the entry
 */
void hwsim_shadow_purge_entry(struct hwsim_shadow *shadow, u64 pto, unsigned int index)
{
	struct hwsim_page_table *table;

	guard(spinlock_irqsave)(&shadow->lock);
	atomic_inc(&shadow->purges);
	hash_for_each_possible(shadow->by_pto, table, by_pto, pto) {
		if (table->pto == pto && table->maps[index])
			map_remove(shadow, table->maps[index]);
	}
	frames_unused(shadow);
}

static void purge_spaces(struct hwsim_shadow *shadow, bool (*selected)(u64 asce, u64 key), u64 key)
{
	struct hwsim_space *space;

	lockdep_assert_held(&shadow->lock);

	atomic_inc(&shadow->purges);
	list_for_each_entry(space, &shadow->spaces, node) {
		if (selected(space->asce, key)) {
			tree_invalidate(shadow, &space->code);
			tree_invalidate(shadow, &space->data);
		}
	}
	shadow_flush(shadow);
	list_for_each_entry(space, &shadow->spaces, node) {
		if (selected(space->asce, key)) {
			tree_clear(shadow, &space->code);
			tree_clear(shadow, &space->data);
		}
	}
	frames_unused(shadow);
}

static bool selects_all(u64 asce, u64 key)
{
	return true;
}

static bool selects_dat(u64 asce, u64 key)
{
	return asce != HWSIM_ASCE_REAL;
}

static bool selects_asce(u64 asce, u64 key)
{
	return asce == key;
}

/* Remove everything that was mapped with an ASCE of the guest. */
void hwsim_shadow_purge_asce(struct hwsim_shadow *shadow, u64 asce)
{
	guard(spinlock_irqsave)(&shadow->lock);
	purge_spaces(shadow, selects_asce, asce & ASCE_KEY);
}

/* Remove everything that was mapped with DAT on. */
void hwsim_shadow_purge_dat(struct hwsim_shadow *shadow)
{
	guard(spinlock_irqsave)(&shadow->lock);
	purge_spaces(shadow, selects_dat, 0);
}

/**
 * hwsim_shadow_written - handle a store by the simulator into a page of the guest
 * @shadow: the shadow
 * @user: address in the VMM
 *
 * Call this function after an emulated store. It can be skipped if hwsim_shadow_executions() has
 * not changed since the last call for this page. Nothing reports stores by the VMM. The shadow
 * detects them when it maps the page for execution again, for example after a purge.
 */
void hwsim_shadow_written(struct hwsim_shadow *shadow, unsigned long user)
{
	struct hwsim_frame *frame;

	guard(spinlock_irqsave)(&shadow->lock);
	frame = xa_load(&shadow->frames, user >> PAGE_SHIFT);
	if (frame) {
		frame_written(shadow, frame);
		frames_unused(shadow);
	}
}

/**
 * hwsim_shadow_check - bring the shadow up to date when a vCPU enters SIE
 * @shadow: the shadow
 * @generation: generation of the memory slots
 * @clocks: the clock of the guest differs from that of the host
 * @dat: the vCPU enters SIE with DAT on
 *
 * If a vCPU without DAT follows one with DAT, the guest may have been reset, and the VMM may have
 * loaded another program, so empty the shadow. A guest without DAT cannot unmap a page, so
 * compare its instructions with their copies on each entry to SIE.
 */
void hwsim_shadow_check(struct hwsim_shadow *shadow, u64 generation, bool clocks, bool dat)
{
	struct hwsim_space *space;

	if (dat && READ_ONCE(shadow->dat) && READ_ONCE(shadow->generation) == generation &&
	    READ_ONCE(shadow->clocks) == clocks)
		return;
	guard(spinlock_irqsave)(&shadow->lock);
	if (shadow->generation != generation || (shadow->dat && !dat))
		purge_spaces(shadow, selects_all, 0);
	list_for_each_entry(space, &shadow->spaces, node) {
		if (!dat && space->asce == HWSIM_ASCE_REAL)
			tree_verify(shadow, &space->code);
	}
	/* Clock instructions that were revealed may have to be concealed now. */
	if (shadow->clocks != clocks)
		frames_drop(shadow, 0, ULONG_MAX);
	frames_unused(shadow);
	WRITE_ONCE(shadow->generation, generation);
	WRITE_ONCE(shadow->clocks, clocks);
	WRITE_ONCE(shadow->dat, dat);
}

/* Return: the number of invalidations by the MMU notifier so far, or -1 during one. */
int hwsim_shadow_invalidations(const struct hwsim_shadow *shadow)
{
	int invalidations = atomic_read(&shadow->mm->invalidated) & INT_MAX;

	/* Read the counter first; see notifier_end(). */
	smp_rmb();
	return atomic_read(&shadow->mm->invalidating) ? -1 : invalidations;
}

/*
 * Return: how often a page was mapped for execution so far, so that the caller can detect a
 * later mapping.
 */
int hwsim_shadow_executions(const struct hwsim_shadow *shadow)
{
	return atomic_read(&shadow->executions) & INT_MAX;
}

/* Return: the number of purges so far, so that the caller can detect a later purge. */
int hwsim_shadow_purges(const struct hwsim_shadow *shadow)
{
	return atomic_read(&shadow->purges);
}

bool hwsim_shadow_clocks(const struct hwsim_shadow *shadow)
{
	return READ_ONCE(shadow->clocks);
}

/* Spaces */

static struct hwsim_space *space_create(struct hwsim_shadow *shadow)
{
	struct hwsim_space *space = kzalloc_obj(*space, HWSIM_SHADOW_GFP);

	lockdep_assert_held(&shadow->lock);

	if (!space)
		return NULL;
	if (hwsim_tree_init(&space->code, true)) {
		kfree(space);
		return NULL;
	}
	if (hwsim_tree_init(&space->data, false)) {
		hwsim_tree_destroy(&space->code);
		kfree(space);
		return NULL;
	}
	list_add(&space->node, &shadow->spaces);
	shadow->nr_spaces++;
	return space;
}

/* Return: an empty space that no vCPU uses, or NULL. */
static struct hwsim_space *space_unused(struct hwsim_shadow *shadow)
{
	struct hwsim_space *space;

	lockdep_assert_held(&shadow->lock);

	if (shadow->nr_spaces < SPACES_MAX)
		return space_create(shadow);
	list_for_each_entry_reverse(space, &shadow->spaces, node) {
		if (space->users)
			continue;
		space_empty(shadow, space);
		frames_unused(shadow);
		return space;
	}
	return NULL;
}

static u64 asce_key(u64 asce)
{
	return asce == HWSIM_ASCE_REAL ? asce : asce & ASCE_KEY;
}

/*
 * Test whether a space belongs to an ASCE and a prefix. The caller uses the space or holds the
 * lock, so that the space does not change.
 */
bool hwsim_space_is(const struct hwsim_space *space, u64 asce, u32 prefix)
{
	return space->asce == asce_key(asce) && space->prefix == prefix;
}

/**
 * hwsim_space_get - look up or create an address space of a CPU of the guest
 * @shadow: the shadow
 * @asce: address-space-control element of the guest, or HWSIM_ASCE_REAL
 * @prefix: prefix of the CPU
 *
 * Return: The space, which is not reused before hwsim_space_put(), or NULL if there is no memory,
 * or if vCPUs use all spaces.
 */
struct hwsim_space *hwsim_space_get(struct hwsim_shadow *shadow, u64 asce, u32 prefix)
{
	struct hwsim_space *space;

	guard(spinlock_irqsave)(&shadow->lock);
	list_for_each_entry(space, &shadow->spaces, node) {
		if (hwsim_space_is(space, asce, prefix))
			goto found;
	}
	space = space_unused(shadow);
	if (!space)
		return NULL;
	space->asce = asce_key(asce);
	space->prefix = prefix;
found:
	list_move(&space->node, &shadow->spaces);
	space->users++;
	return space;
}

void hwsim_space_put(struct hwsim_shadow *shadow, struct hwsim_space *space)
{
	guard(spinlock_irqsave)(&shadow->lock);
	space->users--;
}

/* Adding entries */

/*
 * Store into each doubleword of a page without changing it. The page may contain what TCG has
 * translated before the page was cleared; see zero_code().
 */
static void touch_page(struct page *page)
{
	atomic64_t *at = page_address(page);
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*at); i++)
		atomic64_add(0, &at[i]);
}

/* Return: the frame for a page, or NULL if there is no memory. */
static struct hwsim_frame *frame_get(struct hwsim_shadow *shadow, unsigned long index,
				     struct page *page)
{
	struct hwsim_frame *frame = xa_load(&shadow->frames, index);

	lockdep_assert_held(&shadow->lock);

	if (frame && frame->page != page) {
		frame_drop(shadow, frame);
		frame = NULL;
	}
	if (frame)
		return frame;
	frame = kzalloc_obj(*frame, HWSIM_SHADOW_GFP);
	if (frame && xa_err(xa_store(&shadow->frames, index, frame, HWSIM_SHADOW_GFP))) {
		kfree(frame);
		frame = NULL;
	}
	if (!frame)
		return NULL;
	frame->index = index;
	frame->page = page;
	list_add(&frame->node, &shadow->unused);
	return frame;
}

/* The guest executes a page, so it must no longer store there. */
static int frame_executed(struct hwsim_shadow *shadow, struct hwsim_frame *frame)
{
	struct hwsim_map *map;

	lockdep_assert_held(&shadow->lock);

	hwsim_native_count(HWSIM_NATIVE_CODE_MAPPED);
	hlist_for_each_entry(map, &frame->maps, node) {
		if (!map->write)
			continue;
		/* After this loop, the guest cannot change the page. */
		map->write = false;
		entry_invalidate(shadow, map->table, map->index);
		WRITE_ONCE(map->table->entries[map->index],
			   page_to_phys(frame->page) | HWSIM_PTE_PROTECTED);
	}
	atomic_inc(&shadow->executions);
	/* Either the comparison sees an emulated store, or page_written() sees the new count. */
	smp_mb__after_atomic();
	if (frame->code) {
		hwsim_code_verify(frame->code, page_address(frame->page));
		return 0;
	}
	frame->code = hwsim_code_alloc();
	if (!frame->code)
		return -ENOMEM;
	shadow->nr_codes++;
	return 0;
}

static struct hwsim_map *map_find(struct hwsim_tree *tree, u64 addr)
{
	struct hwsim_page_table *table = hwsim_tree_find(tree, addr);

	return table ? table->maps[addr >> PAGE_SHIFT & (HWSIM_PTES - 1)] : NULL;
}

/*
 * If an instruction begins in the page at @addr and ends in the next one of the same space,
 * reveal its end.
 */
static void reveal_tail(struct hwsim_tree *tree, u64 addr)
{
	struct hwsim_map *map = map_find(tree, addr), *next = map_find(tree, addr + PAGE_SIZE);

	if (map && next && map->frame->code->crosses)
		hwsim_code_reveal_tail(next->frame->code, page_address(next->frame->page),
				       map->frame->code->crosses);
}

/*
 * Reveal an instruction that hwsim_code_reveal() has left hidden, because it ends in the next
 * page. All spaces share the copy of the page in which it begins, but each space may have a
 * different next page. If the next page is mapped later, frame_map() reveals the end.
 */
static void reveal_last(struct hwsim_shadow *shadow, struct hwsim_frame *frame)
{
	struct hwsim_page_table *table;
	struct hwsim_map *map;

	lockdep_assert_held(&shadow->lock);

	if (!frame->code->hidden)
		return;
	hlist_for_each_entry(map, &frame->maps, node) {
		table = map->table;
		if (table->tree->code)
			reveal_tail(table->tree, table->base + map->index * PAGE_SIZE);
	}
	hwsim_code_reveal_last(frame->code);
}

static struct hwsim_page_table *page_table_get(struct hwsim_shadow *shadow,
					       struct hwsim_tree *tree, u64 addr, u64 pto)
{
	struct hwsim_page_table *table = hwsim_tree_find(tree, addr);

	lockdep_assert_held(&shadow->lock);

	/* The guest has changed its segment table, but has not purged its TLB yet. */
	if (table && table->nr_maps && table->pto != pto) {
		memset64(table->entries, HWSIM_PTE_INVALID, HWSIM_PTES);
		shadow->stale = true;
		shadow_flush(shadow);
	}
	if (table && table->pto != pto)
		page_table_clear(shadow, table);
	if (!table) {
		table = hwsim_tree_add(tree, addr);
		shadow->nr_tables += !!table;
	}
	if (table && pto && !table->pto) {
		table->pto = pto;
		hash_add(shadow->by_pto, &table->by_pto, pto);
	}
	return table;
}

/*
 * Keep a guest from using an unlimited number of shadow tables and copies. frames_unused() keeps
 * at most IDLE_MAX copies.
 */
static void limit_memory(struct hwsim_shadow *shadow)
{
	struct hwsim_space *space;

	lockdep_assert_held(&shadow->lock);

	if (shadow->nr_tables < TABLES_MAX && shadow->nr_codes < CODES_MAX)
		return;
	list_for_each_entry(space, &shadow->spaces, node)
		space_empty(shadow, space);
	frames_unused(shadow);
}

static int frame_map(struct hwsim_shadow *shadow, struct hwsim_frame *frame,
		     const struct hwsim_mapping *mapping, bool write)
{
	struct hwsim_tree *tree = mapping->code ? &mapping->space->code : &mapping->space->data;
	unsigned int index = mapping->addr >> PAGE_SHIFT & (HWSIM_PTES - 1);
	struct hwsim_page_table *table;
	struct hwsim_map *map;
	u64 phys;

	lockdep_assert_held(&shadow->lock);

	map = kzalloc_obj(*map, HWSIM_SHADOW_GFP);
	if (!map)
		return -ENOMEM;
	table = page_table_get(shadow, tree, mapping->addr, mapping->pto);
	if (!table) {
		kfree(map);
		return -ENOMEM;
	}
	/* Add the map before removing the old one, so that the frame does not become unused. */
	map->frame = frame;
	map->table = table;
	map->index = index;
	map->write = write;
	if (hlist_empty(&frame->maps))
		frame_unlist(shadow, frame);
	hlist_add_head(&map->node, &frame->maps);
	frame->executable += mapping->code;
	if (table->maps[index])
		map_remove(shadow, table->maps[index]);
	table->maps[index] = map;
	if (!table->nr_maps++)
		list_add(&table->node, &tree->used);
	if (mapping->code) {
		reveal_tail(tree, mapping->addr - PAGE_SIZE);
		reveal_tail(tree, mapping->addr);
	}
	phys = mapping->code ? __pa(frame->code->copy) : page_to_phys(frame->page);
	WRITE_ONCE(table->entries[index], phys | (write ? 0 : HWSIM_PTE_PROTECTED));
	return 0;
}

/* @invalidated: @shadow->mm->invalidated before the page was looked up */
static int page_map(struct hwsim_shadow *shadow, struct page *page,
		    const struct hwsim_mapping *mapping, int invalidated)
{
	unsigned long index = mapping->user >> PAGE_SHIFT;
	struct hwsim_frame *frame;
	int ret;

	lockdep_assert_held(&shadow->lock);

	if (atomic_read(&shadow->mm->invalidating) ||
	    atomic_read(&shadow->mm->invalidated) != invalidated)
		return -EAGAIN;
	/* If there is no memory, the page is touched again. */
	xa_store(&shadow->touched, index, xa_mk_value(page_to_pfn(page)), HWSIM_SHADOW_GFP);
	/* Purges hold the lock, so a later one will remove what is added here. */
	if (atomic_read(&shadow->purges) != mapping->purges)
		return -ESTALE;
	limit_memory(shadow);
	frame = frame_get(shadow, index, page);
	if (!frame)
		return -ENOMEM;
	if (mapping->code) {
		ret = frame_executed(shadow, frame) ?: frame_map(shadow, frame, mapping, false);
	} else {
		if (mapping->store)
			frame_written(shadow, frame);
		ret = frame_map(shadow, frame, mapping, mapping->writable && !frame->executable);
	}
	frames_unused(shadow);
	return ret;
}

/**
 * hwsim_shadow_map - add a page to the shadow tables
 * @shadow: the shadow
 * @mapping: the page
 *
 * Context: The thread of a vCPU that got @mapping->space with hwsim_space_get().
 * Return:
 * * 0		- success
 * * -EFAULT	- the page is missing in the VMM, or read-only
 * * -EAGAIN	- the address space of the VMM is being changed
 * * -ESTALE	- the guest has purged translations since @mapping->purges was read
 * * -ENOMEM	- no memory
 */
int hwsim_shadow_map(struct hwsim_shadow *shadow, const struct hwsim_mapping *mapping)
{
	int invalidated = atomic_read(&shadow->mm->invalidated), ret;
	struct page *page;

	/* Read the counter before looking up the page; see notifier_end(). */
	smp_rmb();
	if (get_user_pages_fast_only(mapping->user & PAGE_MASK, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;
	/* This can take a millisecond, so do it without the lock, and only for new pages. */
	if (xa_load(&shadow->touched, mapping->user >> PAGE_SHIFT) !=
	    xa_mk_value(page_to_pfn(page)))
		touch_page(page);
	/* The guest may store at any time until the notifier removes the page. */
	set_page_dirty(page);
	scoped_guard(spinlock_irqsave, &shadow->lock)
		ret = page_map(shadow, page, mapping, invalidated);
	put_page(page);
	return ret;
}

/**
 * hwsim_shadow_reveal - reveal an instruction that the CPU did not see
 * @shadow: the shadow
 * @space: the space that the CPU fetches from
 * @addr: virtual address of the instruction
 * @run: also reveal the instructions that follow
 *
 * Return: true if an instruction was revealed, so that the guest should try again.
 */
bool hwsim_shadow_reveal(struct hwsim_shadow *shadow, struct hwsim_space *space, u64 addr,
			 bool run)
{
	struct hwsim_map *map;

	guard(spinlock_irqsave)(&shadow->lock);
	map = map_find(&space->code, addr);
	if (!map)
		return false;
	if (!hwsim_code_reveal(map->frame->code, page_address(map->frame->page),
			       offset_in_page(addr), run, shadow->clocks))
		return false;
	reveal_last(shadow, map->frame);
	hwsim_native_count(HWSIM_NATIVE_REVEALED);
	return true;
}

/* CPUs */

/**
 * hwsim_shadow_cpu_enters - prepare this CPU for using the tables
 * @shadow: the shadow
 *
 * Context: Interrupts are disabled until hwsim_shadow_cpu_leaves().
 */
void hwsim_shadow_cpu_enters(struct hwsim_shadow *shadow)
{
	cpumask_set_cpu(smp_processor_id(), &shadow->running);
	/* Set the bit before purging the TLB; see shadow_flush(). */
	smp_mb();
	__tlb_flush_local();
}

void hwsim_shadow_cpu_leaves(struct hwsim_shadow *shadow)
{
	cpumask_clear_cpu(smp_processor_id(), &shadow->running);
}

/* The MMU notifier */

/* Forget which pages have been touched, because their addresses may get other pages. */
static void touched_forget(struct hwsim_shadow *shadow, unsigned long first, unsigned long last)
{
	XA_STATE(xas, &shadow->touched, first);
	unsigned long flags;
	unsigned int n = 0;
	void *pfn;

	xas_lock_irqsave(&xas, flags);
	xas_for_each(&xas, pfn, last) {
		xas_store(&xas, NULL);
		if (++n % XA_CHECK_SCHED)
			continue;
		xas_pause(&xas);
		xas_unlock_irqrestore(&xas, flags);
		xas_lock_irqsave(&xas, flags);
	}
	xas_unlock_irqrestore(&xas, flags);
}

static void mm_remove(struct shadow_mm *mm, unsigned long first, unsigned long last)
{
	struct hwsim_shadow *shadow;

	hwsim_native_count(HWSIM_NATIVE_NOTIFIED);
	guard(spinlock)(&mm->lock);
	list_for_each_entry(shadow, &mm->shadows, node) {
		scoped_guard(spinlock_irqsave, &shadow->lock)
			frames_drop(shadow, first, last);
		touched_forget(shadow, first, last);
	}
}

static int notifier_start(struct mmu_notifier *notifier,
			  const struct mmu_notifier_range *range)
{
	struct shadow_mm *mm = container_of(notifier, struct shadow_mm, notifier);

	/* hwsim_shadow_map() maps nothing from here on. */
	atomic_inc(&mm->invalidating);
	/* Count before removing pages. */
	smp_mb__after_atomic();
	mm_remove(mm, range->start >> PAGE_SHIFT, (range->end - 1) >> PAGE_SHIFT);
	return 0;
}

static void notifier_end(struct mmu_notifier *notifier,
			 const struct mmu_notifier_range *range)
{
	struct shadow_mm *mm = container_of(notifier, struct shadow_mm, notifier);

	atomic_inc(&mm->invalidated);
	/* At least one of the two counters tells hwsim_shadow_map() about the invalidation. */
	smp_mb__after_atomic();
	atomic_dec(&mm->invalidating);
}

static void notifier_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	mm_remove(container_of(notifier, struct shadow_mm, notifier), 0, ULONG_MAX);
}

static struct mmu_notifier *notifier_alloc(struct mm_struct *owner)
{
	struct shadow_mm *mm = kzalloc_obj(*mm, GFP_KERNEL);

	if (!mm)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&mm->lock);
	INIT_LIST_HEAD(&mm->shadows);
	return &mm->notifier;
}

static void notifier_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct shadow_mm, notifier));
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = notifier_release,
	.invalidate_range_start = notifier_start,
	.invalidate_range_end = notifier_end,
	.alloc_notifier = notifier_alloc,
	.free_notifier = notifier_free,
};

/* Creation and end */

static void shadow_free(struct work_struct *work)
{
	struct hwsim_shadow *shadow = container_of(work, struct hwsim_shadow, free_work);
	struct hwsim_space *space, *next;

	scoped_guard(spinlock, &shadow->mm->lock)
		list_del(&shadow->node);
	scoped_guard(spinlock_irqsave, &shadow->lock) {
		purge_spaces(shadow, selects_all, 0);
		frames_drop(shadow, 0, ULONG_MAX);
		list_for_each_entry_safe(space, next, &shadow->spaces, node) {
			hwsim_tree_destroy(&space->code);
			hwsim_tree_destroy(&space->data);
			kfree(space);
		}
	}
	xa_destroy(&shadow->frames);
	xa_destroy(&shadow->touched);
	mmu_notifier_put(&shadow->mm->notifier);
	kfree(shadow);
}

/**
 * hwsim_shadow_create - create the shadow of a VM
 * @kvm: the VM
 *
 * Context: A thread of the VMM. May sleep.
 * Return: The shadow, ERR_PTR(-ENOMEM), or an error of mmu_notifier_get().
 */
struct hwsim_shadow *hwsim_shadow_create(struct kvm *kvm)
{
	struct hwsim_shadow *shadow = kzalloc_obj(*shadow, GFP_KERNEL);
	struct mmu_notifier *notifier;

	if (!shadow)
		return ERR_PTR(-ENOMEM);
	notifier = mmu_notifier_get(&notifier_ops, kvm->mm);
	if (IS_ERR(notifier)) {
		kfree(shadow);
		return ERR_CAST(notifier);
	}
	shadow->mm = container_of(notifier, struct shadow_mm, notifier);
	INIT_WORK(&shadow->free_work, shadow_free);
	spin_lock_init(&shadow->lock);
	INIT_LIST_HEAD(&shadow->spaces);
	hash_init(shadow->by_pto);
	xa_init(&shadow->frames);
	xa_init(&shadow->touched);
	INIT_LIST_HEAD(&shadow->unused);
	INIT_LIST_HEAD(&shadow->idle);
	scoped_guard(spinlock, &shadow->mm->lock)
		list_add(&shadow->node, &shadow->mm->shadows);
	return shadow;
}

/**
 * hwsim_shadow_destroy - free a shadow
 * @shadow: the shadow
 *
 * Context: No vCPU uses the shadow any more. Does not sleep.
 */
void hwsim_shadow_destroy(struct hwsim_shadow *shadow)
{
	schedule_work(&shadow->free_work);
}
