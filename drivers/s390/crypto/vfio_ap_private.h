/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AP queue passthrough for KVM guests: what the files of the driver share.
 *
 * A mediated device ("mdev") holds the adapters, usage domains and control
 * domains that an administrator assigned. What the guest really has in the
 * APCB of its CRYCB is derived from that, from the host's configuration and
 * from the state of the queues; see vfio_ap_matrix_derive().
 *
 * Nothing here points from a queue to its mdev or back: the owner of an APQN
 * is the one mdev whose assigned matrix contains it, so no such link can be
 * stale.
 */
#ifndef VFIO_AP_PRIVATE_H
#define VFIO_AP_PRIVATE_H

#include <linux/cleanup.h>
#include <linux/kref.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/uuid.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "ap_bus.h"
#include "vfio_ap_debug.h"
#include "vfio_ap_matrix.h"

#define VFIO_AP_MODULE_NAME "vfio_ap"
#define VFIO_AP_NR_GISC 8
/* Response codes of AQIC that are counted one by one; the last place is for all others. */
#define VFIO_AP_NR_AQIC_CODES 9

/*
 * Lock order, outermost first; each line names who forces its place:
 *
 *   kvm->lock                       of one guest, never of two. KVM takes
 *                                   vcpu->mutex inside it, and the intercept
 *                                   runs with vcpu->mutex held.
 *     crypto.pqap_hook_rwsem        read by the PQAP(AQIC) intercept, which
 *                                   takes slot->lock; written by attach and
 *                                   detach, with no lock below.
 *     ap_attr_mutex                 taken to assign adapters and domains; the
 *                                   AP bus holds it when it calls in_use().
 *       matrix_dev->guests_lock     list of mdevs, which guest is attached to
 *                                   which mdev, writing an APCB.
 *         matrix_dev->lock          fields of every mdev, the table of slots,
 *                                   the host's configuration.
 *           slot->lock              reset and interrupt state of one APQN;
 *                                   AP instructions are issued under it.
 *             pages_lock            pinned pages of one attachment.
 *   attachment->unpin_lock          unpinning pages of one guest: a mutex of the
 *                                   guest's own, taken with no other lock of
 *                                   this driver held.
 *   mdev->trigger_lock              the eventfds of one mdev's VMM. This mutex
 *                                   is taken with none of the above held,
 *                                   because the VMM decides how long
 *                                   eventfd_signal() takes.
 *
 * A task that waits for a kvm->lock holds no lock that another guest needs. A
 * task that waits for a reset holds none of these locks, and one that touches
 * user memory holds pqap_hook_rwsem only.
 */

struct vfio_ap_attachment;
struct vfio_ap_irq;
struct vfio_ap_page;

/**
 * struct vfio_ap_matrix_dev - the parent of all mdevs, one for the host
 */
struct vfio_ap_matrix_dev {
	/** @device: /sys/devices/vfio_ap/matrix */
	struct device device;
	/** @guests_lock: protects @mdevs and each mdev's attachment, see above */
	struct mutex guests_lock;
	/** @lock: protects the fields of mdevs, @slots, @newest, @host and @limits */
	struct mutex lock;
	/** @mdevs: all mdevs. Changed under both mutexes, read under either. */
	struct list_head mdevs;
	/** @slots: struct vfio_ap_slot by APQN. Changed under @lock, read under it or RCU. */
	struct xarray slots;
	/** @newest: the host's newest configuration, whether a scan is over or not */
	struct vfio_ap_matrix newest;
	/**
	 * @host: adapters and domains that guests may have: the host's
	 * configuration; while the AP bus scans after a change, what is in the
	 * old configuration and in the new one.
	 */
	struct vfio_ap_matrix host;
	/** @limits: the highest ids this machine can have */
	struct vfio_ap_limits limits;
	/** @parent: registration with the mdev core */
	struct mdev_parent parent;
	/** @mdev_type: the one type of mdev there is */
	struct mdev_type mdev_type;
	/** @mdev_types: what the mdev core wants to see of @mdev_type */
	struct mdev_type *mdev_types[1];
};

extern struct vfio_ap_matrix_dev *matrix_dev;

/**
 * struct vfio_ap_obstacle - the queue that is in the way of an assignment
 */
struct vfio_ap_obstacle {
	/** @owner: UUID of the mdev that has @apqn, or "host"; empty: there is none */
	char owner[UUID_STRING_LEN + 1];
	/** @apqn: a queue in the way: the first of @owner's */
	u16 apqn;
};

/**
 * struct vfio_ap_trial - what a write to ap_config would do
 */
struct vfio_ap_trial {
	/** @asked: the masks that were asked about */
	struct vfio_ap_matrix asked;
	/** @now: what the guest had when that was asked, or would have got */
	struct vfio_ap_matrix now;
	/** @then: what it would have when the write returns */
	struct vfio_ap_matrix then;
	/** @obstacle: why the write would be refused */
	struct vfio_ap_obstacle obstacle;
	/** @wait_ms: how long it would wait at most for queues that it adds */
	unsigned int wait_ms;
	/** @error: the errno that it would end with, negative, or 0 */
	int error;
};

/**
 * struct vfio_ap_refusal - a write that was refused
 */
struct vfio_ap_refusal {
	/** @time: when, in seconds since 1970 */
	time64_t time;
	/** @attribute: what was written to */
	const char *attribute;
	/** @value: what was written, or the begin of it */
	char value[VFIO_AP_MASKS_TEXT_SIZE + 3];
	/** @obstacle: what was in the way, if that was the reason */
	struct vfio_ap_obstacle obstacle;
	/** @error: the errno, negative; 0: nothing was refused yet */
	int error;
};

/**
 * struct vfio_ap_span - what a matrix has been since it was last told
 *
 * It may have changed and changed back meanwhile: who looked in between must be
 * told again.
 */
struct vfio_ap_span {
	/** @ever: what was in it at some time; may have more, as it is one matrix */
	struct vfio_ap_matrix ever;
	/** @always: what was in it all the time */
	struct vfio_ap_matrix always;
};

/**
 * struct vfio_ap_news - what those who watch an mdev are to be told
 */
struct vfio_ap_news {
	/** @guest_changed: what guest_matrix shows has changed */
	bool guest_changed;
	/** @assigned: what was assigned */
	struct vfio_ap_span assigned;
	/** @in_use: what a guest had */
	struct vfio_ap_span in_use;
	/** @updates: how often the guest's APCB had been changed when it was told last */
	u64 updates;
};

/**
 * struct vfio_ap_numbers - what has happened to an mdev since it was made
 *
 * matrix_dev->lock protects all of it.
 */
struct vfio_ap_numbers {
	/** @plugs: queues that a guest got */
	u64 plugs;
	/** @unplugs: queues that a guest lost */
	u64 unplugs;
	/** @notified: how often watchers were told something */
	u64 notified;
	/** @refused: writes that were refused */
	u64 refused;
	/** @device_resets: calls of VFIO_DEVICE_RESET */
	u64 device_resets;
	/** @aqic: answers to guests that the mdev does not have any more, by response code */
	u64 aqic[VFIO_AP_NR_AQIC_CODES];
};

/**
 * struct vfio_ap_mdev - one mediated device
 */
struct vfio_ap_mdev {
	/** @vdev: the VFIO device; its reference count keeps the mdev's memory */
	struct vfio_device vdev;
	/** @node: in matrix_dev->mdevs */
	struct list_head node;
	/**
	 * @linked: on matrix_dev->mdevs. Written like the list; false ends
	 * every guest transaction with -ENODEV.
	 */
	bool linked;
	/** @assigned: what the administrator assigned; matrix_dev->lock */
	struct vfio_ap_matrix assigned;
	/**
	 * @guest: what was committed last: the guest's APCB or, with no guest,
	 * what one would get. Written under guests_lock and matrix_dev->lock,
	 * read under either.
	 */
	struct vfio_ap_matrix guest;
	/**
	 * @attachment: the guest, or NULL. Written under kvm->lock, guests_lock
	 * and matrix_dev->lock; read under either of the last two.
	 */
	struct vfio_ap_attachment *attachment;
	/**
	 * @removers: number of tasks that wait for the close of the device to
	 * remove the mdev. If not 0, no guest gets a queue. Protected like @guest.
	 */
	unsigned int removers;
	/**
	 * @remover_interrupted: a signal interrupted one of @removers, and its
	 * write may be restarted. The next remover takes its place, or
	 * @removal_work cancels the removal. Protected like @guest.
	 */
	bool remover_interrupted;
	/**
	 * @removal_expires: jiffies when @removal_work may cancel the removal
	 * of an interrupted remover. Protected like @guest.
	 */
	unsigned long removal_expires;
	/** @removal_work: cancels the removal; holds a reference while queued */
	struct delayed_work removal_work;
	/** @next_request: jiffies when a remover asks the VMM again; no lock, shared by removers */
	unsigned long next_request;
	/**
	 * @occupied: the device is open, or being opened. Set under
	 * matrix_dev->lock while there are no @removers; VFIO serialises
	 * that with its end. Removers look without the lock.
	 */
	bool occupied;
	/** @closed: where removers wait for the end of @occupied */
	wait_queue_head_t closed;
	/** @numbers: for those who count */
	struct vfio_ap_numbers numbers;
	/** @refusal: the last one; matrix_dev->lock */
	struct vfio_ap_refusal refusal;
	/** @trial: the last one, or NULL: few ask; matrix_dev->lock */
	struct vfio_ap_trial *trial;
	/** @updates: how often the guest's APCB was changed. Written like @guest. */
	u64 updates;
	/** @news: what @notify_work is to tell; guests_lock */
	struct vfio_ap_news news;
	/** @notify_work: tells the news; holds a reference while queued */
	struct delayed_work notify_work;
	/** @trigger_lock: protects @triggers; held during eventfd_signal() */
	struct mutex trigger_lock;
	/** @triggers: eventfds of the VMM by interrupt index, or NULL */
	struct eventfd_ctx *triggers[VFIO_AP_NUM_IRQS];
	/** @commit_work: derives and commits again; holds a reference while queued */
	struct delayed_work commit_work;
	/**
	 * @unbind_patience: jiffies until which an unbind may wait for this
	 * guest's kvm->lock. 0: nobody waited since the lock was last taken.
	 * guests_lock.
	 */
	unsigned long unbind_patience;
	/**
	 * @config_unsignalled: an unbind has changed the guest's APCB, and
	 * commit_work has not signalled the VMM yet. guests_lock.
	 */
	bool config_unsignalled;
};

/**
 * struct vfio_ap_attachment - the bond between one mdev and one guest
 *
 * Allocated when the VFIO device is opened. The mdev, running transactions and
 * interrupt registrations hold references, so the struct kvm, and with it the
 * GISA that hardware was told of, outlives all of them. What needs the guest's
 * kvm->lock later is done by work items of its own, which come again while that
 * lock is taken: no worker waits for it.
 */
struct vfio_ap_attachment {
	/** @kref: the last reference queues @release_work */
	struct kref kref;
	/** @kvm: the guest; referenced */
	struct kvm *kvm;
	/** @uuid: name of the mdev, for those who look at traces */
	char uuid[UUID_STRING_LEN + 1];
	/** @pqap_hook: what kvm->arch.crypto.pqap_hook points to while attached */
	crypto_hook pqap_hook;
	/** @unpin_lock: held while pages are unpinned; a vCPU at the limit waits for it */
	struct mutex unpin_lock;
	/** @pages_lock: protects @pages, @unused_pages and the users of a page; leaf */
	spinlock_t pages_lock;
	/** @pages: struct vfio_ap_page: pinned pages that registrations use */
	struct list_head pages;
	/** @unused_pages: pinned pages that no registration uses any more */
	struct list_head unused_pages;
	/** @unpin_work: unpins @unused_pages; references this and the module while queued */
	struct delayed_work unpin_work;
	/** @nisc: the host's interruption subclass for alerts of this guest */
	int nisc;
	/** @aqic: answers to AQIC, by response code */
	atomic64_t aqic[VFIO_AP_NR_AQIC_CODES];
	/** @spare_giscs: references per GISC that only wait for kvm->lock to be dropped */
	atomic_t spare_giscs[VFIO_AP_NR_GISC];
	/** @gisc_work: drops @spare_giscs; holds a reference, also on the module, while queued */
	struct delayed_work gisc_work;
	/** @release_work: drops @kvm and frees the attachment */
	struct work_struct release_work;
};

/**
 * enum vfio_ap_binding - may the driver touch a queue?
 * @VFIO_AP_UNBOUND: no, another driver may have it: TAPQ only
 * @VFIO_AP_BOUND: yes
 * @VFIO_AP_UNBINDING: it may still be reset, but no guest may get it
 */
enum vfio_ap_binding {
	VFIO_AP_UNBOUND,
	VFIO_AP_BOUND,
	VFIO_AP_UNBINDING,
};

/**
 * struct vfio_ap_slot - reset and interrupt state of one APQN
 *
 * Lives longer than the queue device: as long as the queue is bound, in a
 * guest, being reset, or known to hardware with an interrupt registration.
 * Where nothing else is said, @lock protects a field. There may be thousands,
 * so the order is one with few gaps: 192 bytes without lock debugging.
 */
struct vfio_ap_slot {
	/** @kref: one for the table, one for every user without RCU or matrix_dev->lock */
	struct kref kref;
	/** @lock: only pages_lock is taken under it; never taken by an interrupt handler */
	spinlock_t lock;
	/** @apqn: the queue; never changes */
	u16 apqn;
	/** @retry_delay: jiffies until the next look */
	u16 retry_delay;
	/** @slowest_ms: the longest from @wanted_since to the end of a reset, up to 65535 */
	u16 slowest_ms;
	/**
	 * @binding: enum vfio_ap_binding; written under both locks, read under
	 * either
	 */
	u8 binding;
	/** @present: in the host's newest configuration, else no ZAPQ; written like @binding */
	u8 present : 1;
	/**
	 * @away: was unbound since the last commit of @guest, so that guest
	 * must lose it before it can have it again. Written like @binding.
	 */
	u8 away : 1;
	/** @reported: the failed reset was logged */
	bool reported;
	/** @reset_seen: a reset was seen in progress since the queue left its guest */
	bool reset_seen;
	/**
	 * @response: 01 or an unknown response code that stopped a reset; 00
	 * again when one has completed
	 */
	u8 response;
	/** @answer: last response code to ZAPQ, or to TAPQ after it; for the log */
	u8 answer;
	/** @irq_answer: last response code to AQIC by a guest that has the queue */
	u8 irq_answer;
	/** @resets: resets that completed */
	u32 resets;
	/** @plugs: how often a guest got the queue */
	u32 plugs;
	/** @irqs: how often a guest enabled or disabled its interrupt */
	u32 irqs;
	/** @guest: who can use the queue, or NULL. Compared only; written like @binding. */
	const struct vfio_ap_attachment *guest;
	/** @wanted: number of the newest reset that must happen, see @done */
	u64 wanted;
	/**
	 * @asked: number of the newest reset asked for by VFIO_DEVICE_RESET. When
	 * the queue leaves the guest, @wanted is larger.
	 */
	u64 asked;
	/** @issued: number for which the ZAPQ under way counts, 0: none is */
	u64 issued;
	/** @done: number of the newest completed reset; @wanted <= @done is clean */
	u64 done;
	/** @failed: number of the newest reset that met an unknown response code */
	u64 failed;
	/** @wanted_since: jiffies when @wanted or @asked was raised */
	unsigned long wanted_since;
	/** @irq: the registration that hardware may still use, or NULL; see vfio_ap_irq.c */
	struct vfio_ap_irq *irq;
	union {
		/** @work: continues a reset, or polls for the end of a registration */
		struct delayed_work work;
		/** @rcu: with the last reference gone, readers of the table may still hold it */
		struct rcu_head rcu;
	};
};

/**
 * struct vfio_ap_guest_tx - a guest transaction: who holds which locks
 *
 * Made by vfio_ap_guest_begin() and given back by vfio_ap_guest_end(). What
 * changes or commits an mdev takes it as an argument, so that it cannot be
 * called without.
 */
struct vfio_ap_guest_tx {
	/** @mdev: the mdev that is locked */
	struct vfio_ap_mdev *mdev;
	/** @attachment: its guest, referenced, kvm->lock held; NULL: none */
	struct vfio_ap_attachment *attachment;
	/** @perms: ap_attr_mutex is held too */
	bool perms;
	/** @published: matrix_dev->lock was dropped by the commit */
	bool published;
	/** @changed: the commit wrote the APCB; vfio_ap_guest_end() signals the VMM */
	bool changed;
	/** @old: what the guest had before the commit */
	struct vfio_ap_matrix old;
	/** @new: what it has since */
	struct vfio_ap_matrix new;
	/** @joins: @attachment is new: it has nothing yet, whatever the mdev showed */
	bool joins;
	/** @leaver_reset: number of the reset of what left the guest, 0: nothing did */
	u64 leaver_reset;
	/** @error: why vfio_ap_guest_begin() failed */
	int error;
};

/* The capability that sparse follows: every path must give a transaction back. */
token_context_lock(vfio_ap_tx_context);

/**
 * enum vfio_ap_patience - how a transaction waits for kvm->lock
 * @VFIO_AP_WAIT_NOT: not at all; for work items
 * @VFIO_AP_WAIT_KILLABLE: until it has it or the task is killed
 * @VFIO_AP_WAIT_BOUNDED: 2 s for all queues of an mdev together; for unbind
 */
enum vfio_ap_patience {
	VFIO_AP_WAIT_NOT,
	VFIO_AP_WAIT_KILLABLE,
	VFIO_AP_WAIT_BOUNDED,
};

/* vfio_ap_drv.c */
extern struct workqueue_struct *vfio_ap_commit_wq;
extern struct workqueue_struct *vfio_ap_reset_wq;

/*
 * Interval between release requests to the VMM, and the time for which an mdev
 * stays withdrawn after a signal interrupted its remover.
 */
#define VFIO_AP_REQUEST_PERIOD	(10 * HZ)
/* Delay after which a work item retries to acquire a kvm->lock. */
#define VFIO_AP_LOCK_RETRY	max_t(unsigned long, HZ / 50, 1)

void vfio_ap_notify_states(struct vfio_ap_mdev *mdev);

/**
 * vfio_ap_mdev_commit_after - have the guest's matrix derived and committed again
 * @mdev: the mdev; on matrix_dev->mdevs, or referenced by the caller
 * @delay: jiffies until then
 *
 * Context: Any.
 */
static inline void vfio_ap_mdev_commit_after(struct vfio_ap_mdev *mdev, unsigned long delay)
{
	get_device(&mdev->vdev.device);
	/* It was queued before, or is being cancelled: who did that has a reference, too. */
	if (mod_delayed_work(vfio_ap_commit_wq, &mdev->commit_work, delay))
		put_device(&mdev->vdev.device);
}

/* Either lock keeps an mdev linked, and so keeps vfio_ap_mdev_retire() from missing its work. */
static inline void vfio_ap_mdev_assert_stays_linked(void)
{
	lockdep_assert(lockdep_is_held(&matrix_dev->guests_lock) ||
		       lockdep_is_held(&matrix_dev->lock));
}

/**
 * vfio_ap_mdev_commit_later - the same, as soon as a worker is free
 * @mdev: the mdev; linked
 *
 * Context: guests_lock or matrix_dev->lock held.
 */
static inline void vfio_ap_mdev_commit_later(struct vfio_ap_mdev *mdev)
{
	vfio_ap_mdev_assert_stays_linked();

	vfio_ap_mdev_commit_after(mdev, 0);
	/* The commit may have to wait for the guest's lock; what there is to see has changed. */
	vfio_ap_notify_states(mdev);
}

/* vfio_ap_ops.c */
int vfio_ap_mdev_register(void);
void vfio_ap_mdev_unregister(void);

/* vfio_ap_sysfs.c */
extern const struct attribute_group *vfio_ap_matrix_groups[];
extern const struct attribute_group *vfio_ap_mdev_groups[];
extern const struct attribute_group *vfio_ap_queue_groups[];

/* vfio_ap_guest.c */
bool vfio_ap_guest_begin(struct vfio_ap_guest_tx *tx, struct vfio_ap_mdev *mdev,
			 enum vfio_ap_patience patience, bool perms)
	__cond_acquires(true, vfio_ap_tx_context);
void vfio_ap_guest_end(struct vfio_ap_guest_tx *tx)
	__releases(vfio_ap_tx_context);
int vfio_ap_guest_change(struct vfio_ap_mdev *mdev, vfio_ap_combine_fn combine,
			 const struct vfio_ap_matrix *change, struct vfio_ap_obstacle *obstacle);
int vfio_ap_guest_try(struct vfio_ap_mdev *mdev, const struct vfio_ap_matrix *asked);
int vfio_ap_guest_attach(struct vfio_ap_mdev *mdev, struct kvm *kvm);
void vfio_ap_guest_detach(struct vfio_ap_mdev *mdev);
bool vfio_ap_guest_withdraw(struct vfio_ap_mdev *mdev);
void vfio_ap_guest_readmit(struct vfio_ap_mdev *mdev);
void vfio_ap_guest_keep_withdrawn(struct vfio_ap_mdev *mdev);
void vfio_ap_guest_removal_work(struct work_struct *work);
int vfio_ap_guest_reset(struct vfio_ap_mdev *mdev);
void vfio_ap_guest_commit_work(struct work_struct *work);
void vfio_ap_guest_host_change(const struct ap_config_info *new,
			       const struct ap_config_info *old);
int vfio_ap_guest_host_read(struct ap_config_info *info);
struct vfio_ap_mdev *vfio_ap_mdev_find_by_apqn(u16 apqn);
int vfio_ap_guest_queue_probe(struct ap_queue *queue);
void vfio_ap_guest_queue_remove(struct ap_queue *queue);
int vfio_ap_guest_in_use(const unsigned long *apm, const unsigned long *aqm);
void vfio_ap_guest_link(struct vfio_ap_mdev *mdev);
void vfio_ap_guest_unlink(struct vfio_ap_mdev *mdev);

/* vfio_ap_queue.c */
struct vfio_ap_slot *vfio_ap_slot_get(u16 apqn);
void vfio_ap_slot_put(struct vfio_ap_slot *slot);
struct vfio_ap_slot *vfio_ap_slot_find(const struct vfio_ap_matrix *in,
				       const struct vfio_ap_matrix *except,
				       unsigned long *apqn);
/* Under RCU or matrix_dev->lock; the body must not sleep. */
#define vfio_ap_slot_for_each(slot, apqn, in, except)			\
	for ((apqn) = 0;						\
	     ((slot) = vfio_ap_slot_find(in, except, &(apqn)));		\
	     (apqn)++)
bool vfio_ap_slot_visit(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			bool (*visit)(struct vfio_ap_slot *slot));
int vfio_ap_slot_bind(u16 apqn);
void vfio_ap_slot_reap(struct vfio_ap_slot *slot);
void vfio_ap_slot_destroy_all(void);
void vfio_ap_slot_join(struct vfio_ap_slot *slot, const struct vfio_ap_attachment *guest);
void vfio_ap_slot_leave(struct vfio_ap_slot *slot);
void vfio_ap_slot_unbind(struct vfio_ap_slot *slot, enum vfio_ap_binding binding);
bool vfio_ap_slot_update_present(struct vfio_ap_slot *slot);
bool vfio_ap_slot_outstanding(const struct vfio_ap_slot *slot);
void vfio_ap_slot_list_unfit(unsigned int apid, const unsigned long *domains,
			     const struct vfio_ap_attachment *guest, struct vfio_ap_unfit *unfit);
u8 vfio_ap_slot_irq_check(struct vfio_ap_slot *slot);
void vfio_ap_slot_poll(struct vfio_ap_slot *slot);
u64 vfio_ap_reset_number(void);
void vfio_ap_reset_want(struct vfio_ap_slot *slot, u64 number);
void vfio_ap_reset_start(struct vfio_ap_slot *slot);
void vfio_ap_reset_wake_waiters(void);
void vfio_ap_reset_start_matrix(const struct vfio_ap_matrix *in,
				const struct vfio_ap_matrix *except);
int vfio_ap_reset_wait_left(const struct vfio_ap_matrix *old,
			    const struct vfio_ap_matrix *new, u64 number,
			    unsigned long deadline, bool killable);
void vfio_ap_reset_expect(unsigned int apid, unsigned long *pending);
unsigned long vfio_ap_reset_worth(const struct vfio_ap_matrix *new,
				  const struct vfio_ap_matrix *old);
int vfio_ap_reset_wait_added(const struct vfio_ap_matrix *new,
			     const struct vfio_ap_matrix *old, unsigned long deadline);
u64 vfio_ap_reset_ask(const struct vfio_ap_matrix *matrix,
		      const struct vfio_ap_attachment *asker);
int vfio_ap_reset_wait_asked(const struct vfio_ap_matrix *asked,
			     const struct vfio_ap_attachment *asker, u64 number);

/* vfio_ap_state.c */
#define VFIO_AP_STATE_LINE	64
void vfio_ap_state_print(struct vfio_ap_mdev *mdev, u16 apqn, char line[VFIO_AP_STATE_LINE]);
void vfio_ap_refusal_note(struct vfio_ap_mdev *mdev, struct vfio_ap_refusal *refusal,
			  const char *attribute, const char *value, int error);
int vfio_ap_refusal_print(struct vfio_ap_mdev *mdev, char *buf);
int vfio_ap_trial_print(struct vfio_ap_mdev *mdev, char *buf);

/* vfio_ap_numbers.c */
void vfio_ap_numbers_count_aqic(struct vfio_ap_attachment *attachment,
				struct vfio_ap_slot *slot, u8 response_code);
u16 vfio_ap_numbers_slowest(u16 slowest_ms, unsigned long took);
void vfio_ap_numbers_keep(struct vfio_ap_mdev *mdev, const struct vfio_ap_attachment *attachment);
void vfio_ap_numbers_register(void);
void vfio_ap_numbers_unregister(void);

/* vfio_ap_notify.c */
void vfio_ap_notify_init(struct vfio_ap_mdev *mdev);
void vfio_ap_notify_commit(struct vfio_ap_guest_tx *tx, const struct vfio_ap_matrix *shown_before);
void vfio_ap_notify_gone(struct vfio_ap_mdev *mdev);

/* vfio_ap_trigger.c */
void vfio_ap_trigger_config_changed(struct vfio_ap_mdev *mdev);
bool vfio_ap_trigger_request(struct vfio_ap_mdev *mdev);
void vfio_ap_trigger_forget_all(struct vfio_ap_mdev *mdev);
int vfio_ap_trigger_info(struct vfio_irq_info __user *arg);
int vfio_ap_trigger_set(struct vfio_ap_mdev *mdev, struct vfio_irq_set __user *arg);

/* vfio_ap_irq.c */
void vfio_ap_irq_end(struct vfio_ap_slot *slot);
void vfio_ap_irq_shown(struct vfio_ap_slot *slot, bool on);
bool vfio_ap_irq_is_ending(const struct vfio_ap_slot *slot);
bool vfio_ap_irq_is_in_doubt(const struct vfio_ap_slot *slot);
const char *vfio_ap_irq_state_name(const struct vfio_ap_slot *slot);
int vfio_ap_irq_intercept(struct kvm_vcpu *vcpu);

/* vfio_ap_attachment.c */
struct vfio_ap_attachment *vfio_ap_attachment_create(struct kvm *kvm, const char *uuid,
						     crypto_hook pqap_hook);
void vfio_ap_attachment_get(struct vfio_ap_attachment *attachment);
void vfio_ap_attachment_put(struct vfio_ap_attachment *attachment);
int vfio_ap_gisc_get(struct vfio_ap_attachment *attachment, u8 gisc);
void vfio_ap_gisc_put(struct vfio_ap_attachment *attachment, u8 gisc);
int vfio_ap_attachment_drop_giscs(struct vfio_ap_attachment *attachment);
struct vfio_ap_page *vfio_ap_page_get(struct vfio_ap_attachment *attachment, unsigned long hva);
void vfio_ap_page_put(struct vfio_ap_page *page);
phys_addr_t vfio_ap_page_address(const struct vfio_ap_page *page, u64 addr);
void vfio_ap_attachment_unpin(struct vfio_ap_attachment *attachment);

#endif /* VFIO_AP_PRIVATE_H */
