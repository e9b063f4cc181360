// SPDX-License-Identifier: GPL-2.0
/*
 * Allocates and frees shadow tables. The caller serializes all calls for a tree.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "sie_shadow.h"

/* Region and segment tables have 2048 entries. */
#define UPPER_ORDER		2
#define UPPER_ENTRIES		2048
#define INDEX			(UPPER_ENTRIES - 1)

#define REGION2_SHIFT		42
#define REGION3_SHIFT		31
#define SEGMENT_SHIFT		20

#define ENTRY_INVALID		0x20UL
#define ENTRY_ORIGIN		(~0xfffUL)
#define SEGMENT_ORIGIN		(~0x7ffUL)
#define TYPE_REGION2		0x8UL
#define TYPE_REGION3		0x4UL
#define TYPE_SEGMENT		0x0UL
/* The table has its full length. */
#define FULL_LENGTH		3UL
/* Low-address protection of the host does not apply. */
#define ASCE_PRIVATE		0x100UL

/**
 * struct upper - a region-third or segment table
 * @node: element of @tree->upper
 * @entries: the table
 */
struct upper {
	struct list_head node;
	u64 *entries;
};

static u64 *table_alloc(unsigned int order, u64 invalid)
{
	u64 *table = (u64 *)__get_free_pages(HWSIM_SHADOW_GFP, order);

	if (table)
		memset64(table, invalid, (PAGE_SIZE << order) / sizeof(*table));
	return table;
}

/**
 * hwsim_tree_init - allocate an empty tree
 * @tree: the tree
 * @code: the tree is for instructions
 *
 * Return: 0 or -ENOMEM.
 */
int hwsim_tree_init(struct hwsim_tree *tree, bool code)
{
	tree->code = code;
	INIT_LIST_HEAD(&tree->upper);
	xa_init(&tree->page_tables);
	INIT_LIST_HEAD(&tree->used);
	tree->top = table_alloc(UPPER_ORDER, ENTRY_INVALID | TYPE_REGION2);
	return tree->top ? 0 : -ENOMEM;
}

/* Make all tables below the top invisible to CPUs that do not have them in their TLB. */
void hwsim_tree_cut(struct hwsim_tree *tree)
{
	memset64(tree->top, ENTRY_INVALID | TYPE_REGION2, UPPER_ENTRIES);
}

/**
 * hwsim_tree_free_tables - free all tables except the top
 * @tree: a tree without maps that no CPU uses, or that was cut and is in no TLB
 *
 * Return: the number of page tables.
 */
unsigned int hwsim_tree_free_tables(struct hwsim_tree *tree)
{
	struct hwsim_page_table *table;
	struct upper *upper, *next;
	unsigned int count = 0;
	unsigned long index;

	list_for_each_entry_safe(upper, next, &tree->upper, node) {
		free_pages((unsigned long)upper->entries, UPPER_ORDER);
		kfree(upper);
	}
	INIT_LIST_HEAD(&tree->upper);
	xa_for_each(&tree->page_tables, index, table) {
		free_page((unsigned long)table->entries);
		kfree(table);
		count++;
	}
	xa_destroy(&tree->page_tables);
	return count;
}

/* Free a tree that no CPU uses, and that has no maps. */
void hwsim_tree_destroy(struct hwsim_tree *tree)
{
	hwsim_tree_free_tables(tree);
	free_pages((unsigned long)tree->top, UPPER_ORDER);
}

u64 hwsim_tree_asce(const struct hwsim_tree *tree)
{
	return __pa(tree->top) | ASCE_PRIVATE | TYPE_REGION2 | FULL_LENGTH;
}

/*
 * Return: the table that an entry refers to, or NULL if there is no memory. If the entry is
 * invalid, allocate the table first.
 */
static u64 *upper_below(struct hwsim_tree *tree, u64 *entry, u64 type, u64 below)
{
	struct upper *upper;

	if (!(*entry & ENTRY_INVALID))
		return __va(*entry & ENTRY_ORIGIN);
	upper = kmalloc_obj(*upper, HWSIM_SHADOW_GFP);
	if (!upper)
		return NULL;
	upper->entries = table_alloc(UPPER_ORDER, ENTRY_INVALID | below);
	if (!upper->entries) {
		kfree(upper);
		return NULL;
	}
	list_add(&upper->node, &tree->upper);
	WRITE_ONCE(*entry, __pa(upper->entries) | type | FULL_LENGTH);
	return upper->entries;
}

struct hwsim_page_table *hwsim_tree_find(struct hwsim_tree *tree, u64 addr)
{
	return xa_load(&tree->page_tables, addr >> SEGMENT_SHIFT);
}

/**
 * hwsim_tree_add - add a page table for an address
 * @tree: the tree, which has no page table for @addr
 * @addr: virtual address
 *
 * Return: The page table, or NULL if there is no memory.
 */
struct hwsim_page_table *hwsim_tree_add(struct hwsim_tree *tree, u64 addr)
{
	struct hwsim_page_table *table;
	u64 *region3, *segments;

	region3 = upper_below(tree, &tree->top[addr >> REGION2_SHIFT & INDEX], TYPE_REGION2,
			      TYPE_REGION3);
	if (!region3)
		return NULL;
	segments = upper_below(tree, &region3[addr >> REGION3_SHIFT & INDEX], TYPE_REGION3,
			       TYPE_SEGMENT);
	if (!segments)
		return NULL;
	table = kzalloc_obj(*table, HWSIM_SHADOW_GFP);
	if (!table)
		return NULL;
	table->tree = tree;
	table->base = addr & ~(BIT(SEGMENT_SHIFT) - 1);
	/* The page table uses only half of this page. */
	table->entries = table_alloc(0, HWSIM_PTE_INVALID);
	if (!table->entries)
		goto free;
	if (xa_err(xa_store(&tree->page_tables, addr >> SEGMENT_SHIFT, table, HWSIM_SHADOW_GFP)))
		goto free;
	WRITE_ONCE(segments[addr >> SEGMENT_SHIFT & INDEX], __pa(table->entries) & SEGMENT_ORIGIN);
	return table;

free:
	free_page((unsigned long)table->entries);
	kfree(table);
	return NULL;
}
