// SPDX-License-Identifier: GPL-2.0
/*
 * The attachment of an mdev to its guest, and the resources that hardware uses to interrupt
 * the guest: the pages with notification indicator bytes (NIBs) and the guest interruption
 * subclasses (GISCs).
 *
 * A page is pinned and charged only once, even if several of the guest's registrations use it,
 * because a guest may put the NIBs of all its queues on one page. The last put often happens
 * under a spinlock, and marking a page dirty can sleep. Therefore, a work item or one of the
 * VMM's threads unpins the page later.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vfio_ap_private.h"

/**
 * struct vfio_ap_page - a guest page that holds NIBs
 *
 * This structure holds a reference to the attachment, and one to the module, so that the module
 * cannot be unloaded before the page is unpinned.
 */
struct vfio_ap_page {
	/** @node: entry in the attachment's @pages or, if @users is 0, @unused_pages */
	struct list_head node;
	/** @attachment: the attachment to the guest that owns the page */
	struct vfio_ap_attachment *attachment;
	/** @page: the page, which is pinned and charged to the guest's mm */
	struct page *page;
	/** @users: number of registrations that use the page; protected by pages_lock */
	unsigned int users;
};

static void vfio_ap_attachment_release_work(struct work_struct *work)
{
	struct vfio_ap_attachment *attachment =
		container_of(work, struct vfio_ap_attachment, release_work);

	kvm_put_kvm(attachment->kvm);
	mutex_destroy(&attachment->unpin_lock);
	kfree(attachment);
}

static void vfio_ap_attachment_release(struct kref *kref)
{
	struct vfio_ap_attachment *attachment =
		container_of(kref, struct vfio_ap_attachment, kref);

	/* Use a work item, because kvm_put_kvm() may destroy the VM, which can take a long time. */
	queue_work(vfio_ap_commit_wq, &attachment->release_work);
}

/**
 * vfio_ap_attachment_get - get a reference to an attachment
 * @attachment: the attachment, or NULL
 */
void vfio_ap_attachment_get(struct vfio_ap_attachment *attachment)
{
	if (attachment)
		kref_get(&attachment->kref);
}

/**
 * vfio_ap_attachment_put - put a reference to an attachment
 * @attachment: the attachment, or NULL
 */
void vfio_ap_attachment_put(struct vfio_ap_attachment *attachment)
{
	if (attachment)
		kref_put(&attachment->kref, vfio_ap_attachment_release);
}

/* Requires kvm->lock, because KVM_PV_ENABLE checks under this lock whether GISCs are registered. */
static void vfio_ap_gisc_drop_spares(struct vfio_ap_attachment *attachment)
{
	int gisc, count;

	lockdep_assert_held(&attachment->kvm->lock);

	for (gisc = 0; gisc < VFIO_AP_NR_GISC; gisc++) {
		count = atomic_xchg(&attachment->spare_giscs[gisc], 0);
		while (count--)
			kvm_s390_gisc_unregister(attachment->kvm, gisc);
	}
}

/* The caller holds a reference to the module, as __module_get() requires. */
static void vfio_ap_gisc_drop_after(struct vfio_ap_attachment *attachment, unsigned long delay)
{
	vfio_ap_attachment_get(attachment);
	__module_get(THIS_MODULE);
	if (mod_delayed_work(vfio_ap_commit_wq, &attachment->gisc_work, delay)) {
		/* The work item was already queued and holds its own references. */
		vfio_ap_attachment_put(attachment);
		module_put(THIS_MODULE);
	}
}

static void vfio_ap_gisc_work(struct work_struct *work)
{
	struct vfio_ap_attachment *attachment =
		container_of(to_delayed_work(work), struct vfio_ap_attachment, gisc_work);

	/* Do not block the worker: user space can hold kvm->lock indefinitely. */
	if (mutex_trylock(&attachment->kvm->lock)) {
		vfio_ap_gisc_drop_spares(attachment);
		mutex_unlock(&attachment->kvm->lock);
	} else {
		vfio_ap_gisc_drop_after(attachment, VFIO_AP_LOCK_RETRY);
	}
	vfio_ap_attachment_put(attachment);
	/*
	 * The module stays in memory until this function returns, because vfio_ap_exit()
	 * destroys the workqueue, which waits for running work items.
	 */
	module_put(THIS_MODULE);
}

/**
 * vfio_ap_gisc_get - register a guest's GISC with KVM
 * @attachment: the attachment to the guest
 * @gisc: the guest interruption subclass, 0 to 7
 *
 * Reuses an unused reference if gisc_work has not dropped it yet, so that references do not
 * accumulate while user space holds kvm->lock.
 *
 * Return: The host's interruption subclass for alerts, 0 to 7, or the errno of
 * kvm_s390_gisc_register().
 */
int vfio_ap_gisc_get(struct vfio_ap_attachment *attachment, u8 gisc)
{
	int nisc;

	if (atomic_dec_if_positive(&attachment->spare_giscs[gisc]) >= 0)
		return READ_ONCE(attachment->nisc);
	nisc = kvm_s390_gisc_register(attachment->kvm, gisc);
	if (nisc >= 0)
		WRITE_ONCE(attachment->nisc, nisc);
	return nisc;
}

/**
 * vfio_ap_gisc_put - put a reference acquired by vfio_ap_gisc_get()
 * @attachment: the attachment to the guest; the caller holds a reference to it and to the
 *	module
 * @gisc: the guest interruption subclass, 0 to 7
 *
 * Context: Not in an interrupt handler. gisc_work unregisters the GISC later,
 * under kvm->lock.
 */
void vfio_ap_gisc_put(struct vfio_ap_attachment *attachment, u8 gisc)
{
	atomic_inc(&attachment->spare_giscs[gisc]);
	vfio_ap_gisc_drop_after(attachment, 0);
}

/**
 * vfio_ap_attachment_drop_giscs - unregister the GISCs that are no longer used
 * @attachment: the attachment to the guest
 *
 * Context: Sleeps; neither kvm->lock nor any of this driver's locks held. Killable.
 * Return: 0; -EINTR if the task was killed, in which case gisc_work unregisters the GISCs.
 */
int vfio_ap_attachment_drop_giscs(struct vfio_ap_attachment *attachment)
{
	int ret;

	ret = mutex_lock_killable(&attachment->kvm->lock);
	if (ret)
		return ret;
	vfio_ap_gisc_drop_spares(attachment);
	mutex_unlock(&attachment->kvm->lock);
	return 0;
}

/*
 * Charge a page to pinned_vm of the guest's mm, as RDMA drivers do. Charging locked_vm would
 * need mmap_lock, which user space can hold indefinitely. RLIMIT_MEMLOCK limits the sum of
 * pinned and locked memory. The caller is a vCPU, so rlimit() and capable() use the VMM's
 * limit and capabilities.
 */
static bool vfio_ap_page_charge(struct mm_struct *mm)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	u64 pages;

	/* locked_vm may change concurrently, because mmap_lock is not held. */
	pages = atomic64_inc_return(&mm->pinned_vm) + data_race(mm->locked_vm);
	if (pages <= limit || capable(CAP_IPC_LOCK))
		return true;
	atomic64_dec(&mm->pinned_vm);
	return false;
}

static void vfio_ap_page_uncharge(struct mm_struct *mm)
{
	atomic64_dec(&mm->pinned_vm);
}

static struct vfio_ap_page *vfio_ap_page_find(struct vfio_ap_attachment *attachment,
					      const struct page *page)
{
	struct vfio_ap_page *found;

	lockdep_assert_held(&attachment->pages_lock);

	list_for_each_entry(found, &attachment->pages, node) {
		if (found->page == page)
			return found;
	}
	list_for_each_entry(found, &attachment->unused_pages, node) {
		if (found->page == page)
			return found;
	}
	return NULL;
}

/*
 * Return: the attachment's existing entry for the page, or @added if there is no such entry;
 * NULL if RLIMIT_MEMLOCK would be exceeded.
 */
static struct vfio_ap_page *vfio_ap_page_share(struct vfio_ap_attachment *attachment,
					       struct vfio_ap_page *added)
{
	struct vfio_ap_page *page;

	spin_lock(&attachment->pages_lock);
	page = vfio_ap_page_find(attachment, added->page);
	if (page) {
		/* Move the entry back if it is on unused_pages. */
		list_move(&page->node, &attachment->pages);
	} else if (vfio_ap_page_charge(attachment->kvm->mm)) {
		page = added;
		vfio_ap_attachment_get(attachment);
		__module_get(THIS_MODULE);
		list_add(&page->node, &attachment->pages);
	}
	if (page)
		page->users++;
	spin_unlock(&attachment->pages_lock);
	return page;
}

/*
 * The work item needs its own reference to the module, because a vCPU may unpin the last page
 * and drop the page's reference while the work item is still queued.
 */
static void vfio_ap_unpin_after(struct vfio_ap_attachment *attachment, unsigned long delay)
{
	vfio_ap_attachment_get(attachment);
	__module_get(THIS_MODULE);
	if (!queue_delayed_work(vfio_ap_commit_wq, &attachment->unpin_work, delay)) {
		/* The work item was already queued and holds its own references. */
		vfio_ap_attachment_put(attachment);
		module_put(THIS_MODULE);
	}
}

/*
 * Do not wait for the page lock. If the page belongs to a file system in user space (FUSE), it
 * can stay locked indefinitely during write-back.
 */
static bool vfio_ap_page_try_unpin(struct page *page)
{
	if (!PageDirty(page)) {
		if (!trylock_page(page))
			return false;
		set_page_dirty(page);
		unlock_page(page);
	}
	unpin_user_page(page);
	return true;
}

static void vfio_ap_pages_unpin(struct vfio_ap_attachment *attachment)
{
	struct vfio_ap_page *page, *next;
	LIST_HEAD(unused);

	lockdep_assert_held(&attachment->unpin_lock);

	scoped_guard(spinlock, &attachment->pages_lock)
		list_splice_init(&attachment->unused_pages, &unused);
	list_for_each_entry_safe(page, next, &unused, node) {
		if (!vfio_ap_page_try_unpin(page->page)) {
			scoped_guard(spinlock, &attachment->pages_lock)
				list_move(&page->node, &attachment->unused_pages);
			vfio_ap_unpin_after(attachment, VFIO_AP_LOCK_RETRY);
			continue;
		}
		vfio_ap_page_uncharge(attachment->kvm->mm);
		kfree(page);
		vfio_ap_attachment_put(attachment);
		module_put(THIS_MODULE);
	}
}

static void vfio_ap_unpin_work(struct work_struct *work)
{
	struct vfio_ap_attachment *attachment =
		container_of(to_delayed_work(work), struct vfio_ap_attachment, unpin_work);

	/*
	 * Do not block the worker: the task that holds unpin_lock may be waiting for a file
	 * system.
	 */
	if (mutex_trylock(&attachment->unpin_lock)) {
		vfio_ap_pages_unpin(attachment);
		mutex_unlock(&attachment->unpin_lock);
	} else {
		vfio_ap_unpin_after(attachment, VFIO_AP_LOCK_RETRY);
	}
	vfio_ap_attachment_put(attachment);
	/* See the comment in vfio_ap_gisc_work(). */
	module_put(THIS_MODULE);
}

/**
 * vfio_ap_attachment_unpin - unpin the pages that no registration uses
 * @attachment: the attachment to the guest
 *
 * Unpinned pages are no longer charged. If a page is locked, unpin_work unpins it later.
 *
 * Context: Called by one of the VMM's threads. Sleeps; none of this driver's locks held.
 */
void vfio_ap_attachment_unpin(struct vfio_ap_attachment *attachment)
{
	lockdep_assert_not_held(&matrix_dev->lock);
	lockdep_assert_not_held(&matrix_dev->guests_lock);

	guard(mutex)(&attachment->unpin_lock);
	vfio_ap_pages_unpin(attachment);
}

/**
 * vfio_ap_page_get - pin a guest page, or share an existing pin
 * @attachment: the attachment to the guest, whose VFIO device is open
 * @hva: an address on the page, in the VMM's address space
 *
 * Context: Called by one of the guest's vCPUs. May sleep until user space provides the page.
 * None of this driver's locks held.
 * Return: The page, to be released with vfio_ap_page_put(); -ENOMEM if out of memory, -EDQUOT
 * if RLIMIT_MEMLOCK would be exceeded, or the errno of pin_user_pages_fast().
 */
struct vfio_ap_page *vfio_ap_page_get(struct vfio_ap_attachment *attachment, unsigned long hva)
{
	struct vfio_ap_page *added, *page;
	int ret;

	lockdep_assert_not_held(&matrix_dev->lock);
	lockdep_assert_not_held(&matrix_dev->guests_lock);

	added = kzalloc_obj(*added, GFP_KERNEL_ACCOUNT);
	if (!added)
		return ERR_PTR(-ENOMEM);
	added->attachment = attachment;
	ret = pin_user_pages_fast(hva, 1, FOLL_WRITE | FOLL_LONGTERM, &added->page);
	if (ret != 1) {
		kfree(added);
		return ERR_PTR(ret ?: -EFAULT);
	}
	page = vfio_ap_page_share(attachment, added);
	if (!page) {
		/* Unpin unused pages, which must not count against the limit, and try again. */
		vfio_ap_attachment_unpin(attachment);
		page = vfio_ap_page_share(attachment, added);
	}
	if (page != added) {
		unpin_user_page(added->page);
		kfree(added);
	}
	return page ?: ERR_PTR(-EDQUOT);
}

/**
 * vfio_ap_page_address - compute the absolute address of a byte on a page
 * @page: the page
 * @addr: guest address of the byte; only the offset within the page is used
 *
 * Return: The address.
 */
phys_addr_t vfio_ap_page_address(const struct vfio_ap_page *page, u64 addr)
{
	return page_to_phys(page->page) + offset_in_page(addr);
}

/**
 * vfio_ap_page_put - release a page that a registration used
 * @page: the page, which unpin_work unpins after the last put
 *
 * Context: Not in an interrupt handler.
 */
void vfio_ap_page_put(struct vfio_ap_page *page)
{
	struct vfio_ap_attachment *attachment = page->attachment;

	guard(spinlock)(&attachment->pages_lock);
	if (--page->users)
		return;
	list_move(&page->node, &attachment->unused_pages);
	vfio_ap_unpin_after(attachment, 0);
}

/**
 * vfio_ap_attachment_create - create an mdev's attachment to a guest
 * @kvm: the guest; the attachment holds a reference to it
 * @uuid: the mdev's UUID, for trace events
 * @pqap_hook: function that KVM calls when the guest executes PQAP(AQIC)
 *
 * Context: May sleep.
 * Return: The attachment with one reference, or NULL if out of memory.
 */
struct vfio_ap_attachment *vfio_ap_attachment_create(struct kvm *kvm, const char *uuid,
						     crypto_hook pqap_hook)
{
	struct vfio_ap_attachment *attachment;

	attachment = kzalloc_obj(*attachment, GFP_KERNEL_ACCOUNT);
	if (!attachment)
		return NULL;
	kref_init(&attachment->kref);
	spin_lock_init(&attachment->pages_lock);
	INIT_LIST_HEAD(&attachment->pages);
	INIT_LIST_HEAD(&attachment->unused_pages);
	mutex_init(&attachment->unpin_lock);
	INIT_DELAYED_WORK(&attachment->unpin_work, vfio_ap_unpin_work);
	INIT_DELAYED_WORK(&attachment->gisc_work, vfio_ap_gisc_work);
	INIT_WORK(&attachment->release_work, vfio_ap_attachment_release_work);
	attachment->pqap_hook = pqap_hook;
	kvm_get_kvm(kvm);
	attachment->kvm = kvm;
	strscpy(attachment->uuid, uuid, sizeof(attachment->uuid));
	return attachment;
}
