// SPDX-License-Identifier: GPL-2.0
/*
 * A simulated ultravisor, so that KVM can run protected guests. It tracks which pages are
 * secure, which pages a guest shares, and which of these are pinned, but it encrypts
 * nothing: the host can still read and change everything.
 *
 * Like an ultravisor, it stores its tables in the memory that KVM donates, and translates
 * addresses of a guest with the tables of KVM that the guest's ASCE designates.
 *
 * Calls that it does not know are rejected. Dumps, attestation, secrets and the encryption
 * of the guest's image are not simulated.
 */
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/memblock.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/uv.h>

#include "ap_hwsim.h"

/* Response codes that KVM knows by number. */
#define HWSIM_UV_RC_NOT_SECURE	0x0107
#define HWSIM_UV_RC_NOT_MAPPED	0x010a

#define HWSIM_UV_PAGES_PER_MB	(SZ_1M / PAGE_SIZE)
#define HWSIM_UV_NO_PAGE	(~0UL)

/**
 * enum hwsim_uv_page - state of a page of the host
 * @HWSIM_UV_PAGE_OPEN: not secure: never imported, exported or destroyed
 * @HWSIM_UV_PAGE_SECURE: belongs to a protected guest, which does not share it
 * @HWSIM_UV_PAGE_SHARED: belongs to a protected guest, which shares it
 * @HWSIM_UV_PAGE_PINNED: shared, and the guest must not unshare it
 * @HWSIM_NR_UV_PAGE_STATES: number of states
 */
enum hwsim_uv_page {
	HWSIM_UV_PAGE_OPEN,
	HWSIM_UV_PAGE_SECURE,
	HWSIM_UV_PAGE_SHARED,
	HWSIM_UV_PAGE_PINNED,
	HWSIM_NR_UV_PAGE_STATES
};

/**
 * struct hwsim_uv_conf - a protected guest, at the start of its donated base storage
 */
struct hwsim_uv_conf {
	/** @node: element of hwsim_uv_confs */
	struct list_head node;
	/** @asce: designates the translation tables of the guest */
	u64 asce;
	/** @len: size of the guest's memory in bytes */
	u64 len;
	/** @shared: in the donated variable storage: for each page, whether the guest shares it */
	bool *shared;
};

/**
 * union hwsim_uvcb - copy of a control block
 */
union hwsim_uvcb {
	/** @header: common to all calls */
	struct uv_cb_header header;
	/** @conf: UVC_CMD_CREATE_SEC_CONF */
	struct uv_cb_cgc conf;
	/** @cpu: UVC_CMD_CREATE_SEC_CPU */
	struct uv_cb_csc cpu;
	/** @guest_page: for each call that takes a guest handle and a guest address */
	struct uv_cb_cts guest_page;
	/** @host_page: calls with an absolute address of the host */
	struct uv_cb_cfs host_page;
	/** @nodata: calls with a handle only */
	struct uv_cb_nodata nodata;
};

/* Protects everything in this file. Taken under any lock of the caller of uv_call(). */
static DEFINE_SPINLOCK(hwsim_uv_lock);
static LIST_HEAD(hwsim_uv_confs);
static LIST_HEAD(hwsim_uv_cpus);
/* enum hwsim_uv_page by page frame number; NULL until the ultravisor was offered */
static u8 *hwsim_uv_pages;

static struct {
	u16 command;
	u16 code;
	bool busy;
	unsigned int count;
} hwsim_uv_injected;

/**
 * hwsim_uv_offer - show or hide the ultravisor
 * @on: whether KVM offers protected guests
 * @aiv: whether the ultravisor supports adapter interrupt virtualization
 *
 * On hardware, the decompressor queries the ultravisor if facility 158 is installed and
 * "prot_virt=1" is on the command line. It runs before the simulator exists, so this
 * function sets what the decompressor would have found out.
 *
 * Changing prot_virt_host at run time is safe, because only KVM acts on it after boot.
 * hwsim_uv_execute() does not test prot_virt_host, so that protected guests can still end
 * after the ultravisor has been hidden.
 *
 * Context: Process context. Sleeps.
 * Return: 0 or -ENOMEM.
 */
int hwsim_uv_offer(bool on, bool aiv)
{
	u8 *pages = NULL;

	if (on && !READ_ONCE(hwsim_uv_pages)) {
		pages = kvzalloc(max_pfn, GFP_KERNEL);
		if (!pages)
			return -ENOMEM;
	}
	scoped_guard(spinlock_irqsave, &hwsim_uv_lock) {
		if (!hwsim_uv_pages)
			swap(hwsim_uv_pages, pages);
		hwsim_uv_injected.count = 0;
	}
	kvfree(pages);

	/* Sizes of the memory that KVM donates. */
	uv_info.guest_base_stor_len = PAGE_SIZE;
	uv_info.guest_virt_base_stor_len = PAGE_SIZE;
	uv_info.guest_virt_var_stor_len = HWSIM_UV_PAGES_PER_MB * sizeof(bool);
	uv_info.guest_cpu_stor_len = PAGE_SIZE;
	uv_info.uv_feature_indications = 0;
	if (aiv)
		set_bit_inv(BIT_UV_FEAT_AIV, &uv_info.uv_feature_indications);
	WRITE_ONCE(prot_virt_host, on);
	return 0;
}

/**
 * hwsim_uv_respond - make the next ultravisor calls of one kind fail
 * @command: the command code
 * @code: the response code; ignored if @busy
 * @busy: respond with condition code 2, after which the kernel repeats the call
 * @count: number of calls
 *
 * Replaces the last call of this function.
 */
void hwsim_uv_respond(u16 command, u16 code, bool busy, unsigned int count)
{
	guard(spinlock_irqsave)(&hwsim_uv_lock);
	hwsim_uv_injected.command = command;
	hwsim_uv_injected.code = code;
	hwsim_uv_injected.busy = busy;
	hwsim_uv_injected.count = count;
}

static struct hwsim_uv_conf *hwsim_uv_conf_find(u64 handle)
{
	struct hwsim_uv_conf *conf;

	lockdep_assert_held(&hwsim_uv_lock);

	list_for_each_entry(conf, &hwsim_uv_confs, node) {
		if ((u64)conf == handle)
			return conf;
	}
	return NULL;
}

NOKPROBE_SYMBOL(hwsim_uv_conf_find);

static struct hwsim_uv_cpu *hwsim_uv_cpu_find_locked(u64 handle)
{
	struct hwsim_uv_cpu *cpu;

	lockdep_assert_held(&hwsim_uv_lock);

	list_for_each_entry(cpu, &hwsim_uv_cpus, node) {
		if ((u64)cpu == handle)
			return cpu;
	}
	return NULL;
}

NOKPROBE_SYMBOL(hwsim_uv_cpu_find_locked);

/**
 * hwsim_uv_cpu_find - find a protected vCPU by its handle
 * @handle: the handle
 *
 * Return: The vCPU, which exists until KVM destroys it under vcpu->mutex; NULL if there is
 * none.
 */
struct hwsim_uv_cpu *hwsim_uv_cpu_find(u64 handle)
{
	guard(spinlock_irqsave)(&hwsim_uv_lock);
	return hwsim_uv_cpu_find_locked(handle);
}

/* Translate an address of a guest as hardware does. Return: page frame number. */
static unsigned long hwsim_uv_translate(u64 asce, u64 addr)
{
	unsigned int shift = _SEGMENT_SHIFT + 11 * ((asce & _ASCE_TYPE_MASK) >> 2);
	u64 *table = phys_to_virt(asce & _ASCE_ORIGIN), entry;

	if (asce & _ASCE_REAL_SPACE || (shift + 11 < 64 && addr >> (shift + 11)))
		return HWSIM_UV_NO_PAGE;
	if ((addr >> (shift + 9) & 3) > (asce & _ASCE_TABLE_LENGTH))
		return HWSIM_UV_NO_PAGE;
	for (;; shift -= 11) {
		entry = READ_ONCE(table[addr >> shift & 0x7ff]);
		if (entry & _REGION_ENTRY_INVALID)
			return HWSIM_UV_NO_PAGE;
		if (shift == _SEGMENT_SHIFT)
			break;
		table = phys_to_virt(entry & _REGION_ENTRY_ORIGIN);
	}
	/* A large page cannot be secure. */
	if (entry & _SEGMENT_ENTRY_LARGE)
		return HWSIM_UV_NO_PAGE;
	table = phys_to_virt(entry & _SEGMENT_ENTRY_ORIGIN);
	entry = READ_ONCE(table[addr >> PAGE_SHIFT & 0xff]);
	if (entry & _PAGE_INVALID)
		return HWSIM_UV_NO_PAGE;
	return entry >> PAGE_SHIFT;
}

NOKPROBE_SYMBOL(hwsim_uv_translate);

static u8 *hwsim_uv_page(unsigned long pfn)
{
	u8 *pages = READ_ONCE(hwsim_uv_pages);

	return pages && pfn < max_pfn ? &pages[pfn] : NULL;
}

NOKPROBE_SYMBOL(hwsim_uv_page);

/**
 * hwsim_uv_page_is_open - test whether a page belongs to no protected guest
 * @pfn: page frame number
 *
 * Return: true if a protected guest cannot use the page before KVM has imported it.
 */
bool hwsim_uv_page_is_open(unsigned long pfn)
{
	const u8 *page = hwsim_uv_page(pfn);

	return !page || READ_ONCE(*page) == HWSIM_UV_PAGE_OPEN;
}

/**
 * hwsim_uv_pages_print - print how many pages belong to protected guests
 * @seq: the file to print to
 */
void hwsim_uv_pages_print(struct seq_file *seq)
{
	unsigned long counts[HWSIM_NR_UV_PAGE_STATES] = {}, pfn;
	const u8 *pages = READ_ONCE(hwsim_uv_pages);

	for (pfn = 0; pages && pfn < max_pfn; pfn++)
		counts[READ_ONCE(pages[pfn])]++;
	seq_printf(seq, "secure=%lu shared=%lu pinned=%lu\n", counts[HWSIM_UV_PAGE_SECURE],
		   counts[HWSIM_UV_PAGE_SHARED], counts[HWSIM_UV_PAGE_PINNED]);
}

/**
 * hwsim_uv_share - share a page with the host, or stop sharing it
 * @handle: of the protected guest
 * @addr: absolute address of the page in the guest
 * @pfn: page frame number in the host; anything if the page is missing
 * @share: true to share
 *
 * Return:
 * * 0		- success
 * * -EINVAL	- the guest or the page does not exist
 * * -EBUSY	- the page is pinned, so the host must undo that first
 */
int hwsim_uv_share(u64 handle, u64 addr, unsigned long pfn, bool share)
{
	u8 *page = hwsim_uv_page(pfn);
	struct hwsim_uv_conf *conf;

	guard(spinlock_irqsave)(&hwsim_uv_lock);
	conf = hwsim_uv_conf_find(handle);
	if (!conf || addr >= conf->len)
		return -EINVAL;
	if (!share && page && *page == HWSIM_UV_PAGE_PINNED)
		return -EBUSY;
	conf->shared[addr >> PAGE_SHIFT] = share;
	if (page && share && *page == HWSIM_UV_PAGE_SECURE)
		WRITE_ONCE(*page, HWSIM_UV_PAGE_SHARED);
	if (page && !share && *page == HWSIM_UV_PAGE_SHARED)
		WRITE_ONCE(*page, HWSIM_UV_PAGE_SECURE);
	return 0;
}

/* Ultravisor calls: each function returns the response code. */

static u16 hwsim_uv_conf_create(struct uv_cb_cgc *cb)
{
	struct hwsim_uv_conf *conf = phys_to_virt(cb->conf_base_stor_origin);

	lockdep_assert_held(&hwsim_uv_lock);

	conf->asce = cb->guest_asce;
	conf->len = cb->guest_stor_len;
	conf->shared = (bool *)cb->conf_virt_stor_origin;
	list_add_tail(&conf->node, &hwsim_uv_confs);
	cb->guest_handle = (u64)conf;
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_conf_create);

static u16 hwsim_uv_conf_destroy(u64 handle)
{
	struct hwsim_uv_conf *conf = hwsim_uv_conf_find(handle);

	lockdep_assert_held(&hwsim_uv_lock);

	if (!conf)
		return UVC_RC_INV_STATE;
	list_del(&conf->node);
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_conf_destroy);

/* The guest continues where it was, because there is no encrypted image to start. */
static u16 hwsim_uv_cpu_create(struct uv_cb_csc *cb)
{
	const struct kvm_s390_sie_block *scb = phys_to_virt(cb->state_origin);
	struct hwsim_uv_cpu *cpu = phys_to_virt(cb->stor_origin);

	lockdep_assert_held(&hwsim_uv_lock);

	if (!hwsim_uv_conf_find(cb->guest_handle))
		return UVC_RC_INV_STATE;
	cpu->conf = cb->guest_handle;
	cpu->psw = scb->gpsw;
	cpu->resumes = false;
	list_add_tail(&cpu->node, &hwsim_uv_cpus);
	cb->cpu_handle = (u64)cpu;
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_cpu_create);

static u16 hwsim_uv_cpu_destroy(u64 handle)
{
	struct hwsim_uv_cpu *cpu = hwsim_uv_cpu_find_locked(handle);

	lockdep_assert_held(&hwsim_uv_lock);

	if (!cpu)
		return UVC_RC_INV_STATE;
	list_del(&cpu->node);
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_cpu_destroy);

/* Find the page that a call with an address of a guest means. */
static u16 hwsim_uv_guest_page(const struct uv_cb_cts *cb, struct hwsim_uv_conf **conf, u8 **page)
{
	lockdep_assert_held(&hwsim_uv_lock);

	*conf = hwsim_uv_conf_find(cb->guest_handle);
	if (!*conf)
		return UVC_RC_INV_STATE;
	if (cb->gaddr >= (*conf)->len)
		return HWSIM_UV_RC_NOT_MAPPED;
	*page = hwsim_uv_page(hwsim_uv_translate((*conf)->asce, cb->gaddr));
	return *page ? UVC_RC_EXECUTED : HWSIM_UV_RC_NOT_MAPPED;
}

NOKPROBE_SYMBOL(hwsim_uv_guest_page);

/* Make a page secure or, if the guest shares it, shared. */
static u16 hwsim_uv_import(const struct uv_cb_cts *cb)
{
	struct hwsim_uv_conf *conf;
	u8 *page;
	u16 rc = hwsim_uv_guest_page(cb, &conf, &page);

	lockdep_assert_held(&hwsim_uv_lock);

	if (rc == UVC_RC_EXECUTED && *page == HWSIM_UV_PAGE_OPEN)
		WRITE_ONCE(*page, conf->shared[cb->gaddr >> PAGE_SHIFT] ? HWSIM_UV_PAGE_SHARED :
									  HWSIM_UV_PAGE_SECURE);
	return rc;
}

NOKPROBE_SYMBOL(hwsim_uv_import);

static u16 hwsim_uv_unpin(const struct uv_cb_cts *cb)
{
	struct hwsim_uv_conf *conf;
	u8 *page;
	u16 rc = hwsim_uv_guest_page(cb, &conf, &page);

	lockdep_assert_held(&hwsim_uv_lock);

	if (rc == UVC_RC_EXECUTED && *page == HWSIM_UV_PAGE_PINNED)
		WRITE_ONCE(*page, HWSIM_UV_PAGE_SHARED);
	return rc;
}

NOKPROBE_SYMBOL(hwsim_uv_unpin);

/* A page that is already pinned can be pinned again. There is no count. */
static u16 hwsim_uv_pin(const struct uv_cb_cfs *cb)
{
	u8 *page = hwsim_uv_page(cb->paddr >> PAGE_SHIFT);

	lockdep_assert_held(&hwsim_uv_lock);

	if (!page || *page < HWSIM_UV_PAGE_SHARED)
		return HWSIM_UV_RC_NOT_SECURE;
	WRITE_ONCE(*page, HWSIM_UV_PAGE_PINNED);
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_pin);

/* Export or destroy a page. */
static u16 hwsim_uv_open(const struct uv_cb_cfs *cb)
{
	u8 *page = hwsim_uv_page(cb->paddr >> PAGE_SHIFT);

	lockdep_assert_held(&hwsim_uv_lock);

	if (page)
		WRITE_ONCE(*page, HWSIM_UV_PAGE_OPEN);
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_open);

static u16 hwsim_uv_unshare_all(u64 handle)
{
	struct hwsim_uv_conf *conf = hwsim_uv_conf_find(handle);
	u64 addr;
	u8 *page;

	lockdep_assert_held(&hwsim_uv_lock);

	if (!conf)
		return UVC_RC_INV_STATE;
	for (addr = 0; addr < conf->len; addr += PAGE_SIZE) {
		if (!conf->shared[addr >> PAGE_SHIFT])
			continue;
		conf->shared[addr >> PAGE_SHIFT] = false;
		page = hwsim_uv_page(hwsim_uv_translate(conf->asce, addr));
		if (page && *page != HWSIM_UV_PAGE_OPEN)
			WRITE_ONCE(*page, HWSIM_UV_PAGE_SECURE);
	}
	return UVC_RC_EXECUTED;
}

NOKPROBE_SYMBOL(hwsim_uv_unshare_all);

static u16 hwsim_uv_call(union hwsim_uvcb *cb)
{
	lockdep_assert_held(&hwsim_uv_lock);

	switch (cb->header.cmd) {
	case UVC_CMD_CREATE_SEC_CONF:
		return hwsim_uv_conf_create(&cb->conf);
	case UVC_CMD_DESTROY_SEC_CONF:
		return hwsim_uv_conf_destroy(cb->nodata.handle);
	case UVC_CMD_CREATE_SEC_CPU:
		return hwsim_uv_cpu_create(&cb->cpu);
	case UVC_CMD_DESTROY_SEC_CPU:
		return hwsim_uv_cpu_destroy(cb->nodata.handle);
	case UVC_CMD_CONV_TO_SEC_STOR:
	case UVC_CMD_UNPACK_IMG:
		return hwsim_uv_import(&cb->guest_page);
	case UVC_CMD_CONV_FROM_SEC_STOR:
	case UVC_CMD_DESTR_SEC_STOR:
		return hwsim_uv_open(&cb->host_page);
	case UVC_CMD_PIN_PAGE_SHARED:
		return hwsim_uv_pin(&cb->host_page);
	case UVC_CMD_UNPIN_PAGE_SHARED:
		return hwsim_uv_unpin(&cb->guest_page);
	case UVC_CMD_SET_UNSHARE_ALL:
		return hwsim_uv_unshare_all(cb->nodata.handle);
	case UVC_CMD_SET_SEC_CONF_PARAMS:
	case UVC_CMD_VERIFY_IMG:
	case UVC_CMD_PREPARE_RESET:
	case UVC_CMD_CPU_RESET:
	case UVC_CMD_CPU_RESET_INITIAL:
	case UVC_CMD_CPU_RESET_CLEAR:
	case UVC_CMD_CPU_SET_STATE:
		return UVC_RC_EXECUTED;
	default:
		return UVC_RC_INV_CMD;
	}
}

NOKPROBE_SYMBOL(hwsim_uv_call);

/* Return: the condition code. */
static int hwsim_uv_respond_or_call(union hwsim_uvcb *cb)
{
	lockdep_assert_held(&hwsim_uv_lock);

	if (hwsim_uv_injected.count && hwsim_uv_injected.command == cb->header.cmd) {
		hwsim_uv_injected.count--;
		if (hwsim_uv_injected.busy)
			return UVC_CC_BUSY;
		cb->header.rc = hwsim_uv_injected.code;
	} else {
		cb->header.rc = hwsim_uv_call(cb);
	}
	return cb->header.rc == UVC_RC_EXECUTED ? UVC_CC_OK : UVC_CC_ERROR;
}

NOKPROBE_SYMBOL(hwsim_uv_respond_or_call);

/**
 * hwsim_uv_execute - execute an ultravisor call from the host
 * @uvcb: address of the control block
 *
 * Context: Program check handler. Does not sleep.
 * Return: The condition code, or -EFAULT if the control block is not accessible.
 */
int hwsim_uv_execute(u64 uvcb)
{
	union hwsim_uvcb cb = {};
	size_t len;
	int cc;

	if (copy_from_kernel_nofault(&cb.header, (void *)uvcb, sizeof(cb.header)))
		return -EFAULT;
	len = min_t(size_t, cb.header.len, sizeof(cb));
	if (len < sizeof(cb.header) || copy_from_kernel_nofault(&cb, (void *)uvcb, len))
		return -EFAULT;
	scoped_guard(spinlock_irqsave, &hwsim_uv_lock)
		cc = hwsim_uv_respond_or_call(&cb);
	return copy_to_kernel_nofault((void *)uvcb, &cb, len) ? -EFAULT : cc;
}

NOKPROBE_SYMBOL(hwsim_uv_execute);
