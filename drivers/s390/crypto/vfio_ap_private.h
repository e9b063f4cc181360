/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AP queue passthrough for KVM guests: structures and functions that the files of
 * the driver share.
 *
 * A mediated device ("mdev") holds the adapters, usage domains and control domains
 * that an administrator assigned. vfio_ap_matrix_derive() computes the APCB in the
 * guest's CRYCB from them, from the host's configuration and from the state of the
 * queues.
 *
 * A queue has no pointer to its mdev, and an mdev has none to its queues: the owner of
 * an APQN is the only mdev whose assigned matrix contains it, so no link can become
 * stale.
 *
 * Each file calls only files that are above it in this list, or to its left:
 *
 *   matrix                            masks, and the decision what a guest gets
 *   events                            counters and trace events
 *   mdev, attachment, trigger, queue  one structure each
 *   irq                               interrupt registrations
 *   notify                            poll() and uevents
 *   reset                             the reset state machine
 *   tx                                the guest transaction and its commit
 *   assign, host, guest               the reasons for a transaction
 *   removal                           remove an mdev that is in use
 *   dryrun, diag, stats               diagnostics, see vfio_ap_diag.h
 *   sysfs, ops, drv                   the interfaces to the rest of the kernel
 */
#ifndef VFIO_AP_PRIVATE_H
#define VFIO_AP_PRIVATE_H

#include <linux/cleanup.h>
#include <linux/kref.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
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
/* AQIC response codes with a counter each; the last counter is for all other codes. */
#define VFIO_AP_NR_AQIC_CODES 9

/**
 * DOC: lock order
 *
 * Outermost first, with the reason for the place of each lock::
 *
 *   kvm->lock                       of one guest, never of two. KVM takes
 *                                   vcpu->mutex inside it, and the intercept
 *                                   runs with vcpu->mutex held.
 *     crypto.pqap_hook_rwsem        read by the PQAP(AQIC) intercept, which
 *                                   takes vfio_ap_queue->lock; written by
 *                                   attach and detach, with no lock below.
 *     ap_attr_mutex                 taken to assign adapters and domains; the
 *                                   AP bus holds it when it calls in_use().
 *       matrix_dev->guests_lock     list of mdevs, which guest is attached to
 *                                   which mdev, writing an APCB.
 *         matrix_dev->lock          fields of every mdev, the table of queues,
 *                                   the host's configuration.
 *           vfio_ap_queue->lock     reset and interrupt state of one APQN; AP
 *                                   instructions are issued under it.
 *             pages_lock            pinned pages of one attachment.
 *   attachment->unpin_lock          unpinning pages of one guest: a mutex of the
 *                                   guest's own, taken with no other lock of
 *                                   this driver held.
 *   mdev->trigger_lock              the eventfds of one mdev's VMM. This mutex
 *                                   is taken with none of the above held,
 *                                   because the VMM decides how long
 *                                   eventfd_signal() takes.
 *
 * A task that waits for a kvm->lock holds no lock that another guest needs. A task that
 * waits for a reset holds none of these locks, and a task that touches user memory holds
 * pqap_hook_rwsem only.
 */

struct vfio_ap_attachment;
struct vfio_ap_dry_run;
struct vfio_ap_irq;
struct vfio_ap_page;

/**
 * struct vfio_ap_matrix_dev - the parent of all mdevs, one for the host
 */
struct vfio_ap_matrix_dev {
	/** @device: /sys/devices/vfio_ap/matrix */
	struct device device;
	/** @guests_lock: protects @mdevs and each mdev's attachment, see the lock order */
	struct mutex guests_lock;
	/** @lock: protects the fields of mdevs, @queues, @newest, @host and @limits */
	struct mutex lock;
	/** @mdevs: all mdevs. Changed under both mutexes, read under either. */
	struct list_head mdevs;
	/** @queues: struct vfio_ap_queue by APQN. Changed under @lock, read under it or RCU. */
	struct xarray queues;
	/** @newest: the host's newest configuration, even while the AP bus still scans */
	struct vfio_ap_matrix newest;
	/**
	 * @host: adapters and domains that guests may have: the host's configuration.
	 * While the AP bus scans after a change, only what both the old and the new
	 * configuration have.
	 */
	struct vfio_ap_matrix host;
	/** @limits: the highest ids this machine can have */
	struct vfio_ap_limits limits;
	/** @parent: registration with the mdev core */
	struct mdev_parent parent;
	/** @mdev_type: the only type of mdev */
	struct mdev_type mdev_type;
	/** @mdev_types: @mdev_type in the form that the mdev core expects */
	struct mdev_type *mdev_types[1];
};

extern struct vfio_ap_matrix_dev *matrix_dev;

/**
 * struct vfio_ap_conflict - the queue that prevents an assignment
 */
struct vfio_ap_conflict {
	/** @owner: UUID of the mdev that has @apqn, or "host"; empty without a conflict */
	char owner[UUID_STRING_LEN + 1];
	/** @apqn: the first conflicting queue of @owner */
	u16 apqn;
};

/**
 * struct vfio_ap_last_error - the last write that failed
 */
struct vfio_ap_last_error {
	/** @time: in seconds since 1970 */
	time64_t time;
	/** @attribute: name of the attribute that was written */
	const char *attribute;
	/** @value: the written text, possibly truncated */
	char value[VFIO_AP_MASKS_TEXT_SIZE + 3];
	/** @conflict: the conflicting queue, if that was the reason */
	struct vfio_ap_conflict conflict;
	/** @error: the errno, negative; 0 if no write failed yet */
	int error;
};

/**
 * struct vfio_ap_delta - how a matrix varied since the last notification
 *
 * A queue that came and went in between belongs to @ever and not to @always, and its
 * pollers must be notified, too.
 */
struct vfio_ap_delta {
	/** @ever: union of all values; as a matrix, it may contain further queues */
	struct vfio_ap_matrix ever;
	/** @always: intersection of all values */
	struct vfio_ap_matrix always;
};

/**
 * struct vfio_ap_pending_events - changes of an mdev that pollers were not notified of
 */
struct vfio_ap_pending_events {
	/** @guest_changed: the contents of guest_matrix changed */
	bool guest_changed;
	/** @assigned: how the assigned matrix varied */
	struct vfio_ap_delta assigned;
	/** @in_use: how the matrix that a guest had varied */
	struct vfio_ap_delta in_use;
	/** @updates: value of the mdev's @updates at the last notification */
	u64 updates;
};

/**
 * struct vfio_ap_mdev_stats - statistics of an mdev, protected by matrix_dev->lock
 */
struct vfio_ap_mdev_stats {
	/** @plugs: queues that guests got */
	u64 plugs;
	/** @unplugs: queues that guests lost */
	u64 unplugs;
	/** @notified: number of notifications */
	u64 notified;
	/** @refused: number of failed writes */
	u64 refused;
	/** @device_resets: calls of VFIO_DEVICE_RESET */
	u64 device_resets;
	/** @aqic: responses to guests that are detached, by response code */
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
	 * @linked: on matrix_dev->mdevs. Written like the list; false ends every guest
	 * transaction with -ENODEV.
	 */
	bool linked;
	/** @assigned: the administrator's assignment; matrix_dev->lock */
	struct vfio_ap_matrix assigned;
	/**
	 * @shadow_apcb: the last commit: the guest's APCB or, without a guest, the APCB
	 * that a guest would get. Written under guests_lock and matrix_dev->lock, read
	 * under either.
	 */
	struct vfio_ap_matrix shadow_apcb;
	/**
	 * @attachment: the guest, or NULL. Written under kvm->lock, guests_lock and
	 * matrix_dev->lock; read under either of the last two.
	 */
	struct vfio_ap_attachment *attachment;
	/**
	 * @removers: number of tasks that wait for the close of the device to remove the
	 * mdev. If not 0, no guest gets a queue. Protected like @shadow_apcb.
	 */
	unsigned int removers;
	/**
	 * @remover_interrupted: a signal interrupted one of @removers, and its write may
	 * be restarted. The next remover takes its place, or @removal_work cancels the
	 * removal. Protected like @shadow_apcb.
	 */
	bool remover_interrupted;
	/**
	 * @removal_expires: jiffies when @removal_work may cancel the removal of an
	 * interrupted remover. Protected like @shadow_apcb.
	 */
	unsigned long removal_expires;
	/** @removal_work: cancels the removal; holds a reference while queued */
	struct delayed_work removal_work;
	/** @next_request: jiffies of the next request to the VMM; no lock, shared by removers */
	unsigned long next_request;
	/**
	 * @opened: the device is open or being opened. Set under matrix_dev->lock while
	 * there are no @removers; VFIO serialises setting and clearing. Removers read it
	 * without the lock.
	 */
	bool opened;
	/** @closed: removers wait here until @opened is false */
	wait_queue_head_t closed;
	/** @stats: statistics */
	struct vfio_ap_mdev_stats stats;
	/** @last_error: the last write that failed; matrix_dev->lock */
	struct vfio_ap_last_error last_error;
	/** @dry_run: the last dry run, or NULL; matrix_dev->lock */
	struct vfio_ap_dry_run *dry_run;
	/** @updates: number of changes of the guest's APCB. Written like @shadow_apcb. */
	u64 updates;
	/** @pending_events: for @notify_work; guests_lock */
	struct vfio_ap_pending_events pending_events;
	/** @notify_work: notifies pollers; holds a reference while queued */
	struct delayed_work notify_work;
	/** @trigger_lock: protects @triggers; held during eventfd_signal() */
	struct mutex trigger_lock;
	/** @triggers: eventfds of the VMM by interrupt index, or NULL */
	struct eventfd_ctx *triggers[VFIO_AP_NUM_IRQS];
	/** @commit_work: derives and commits again; holds a reference while queued */
	struct delayed_work commit_work;
	/**
	 * @unbind_deadline: jiffies until which an unbind may wait for this guest's
	 * kvm->lock; 0 if no unbind waited since the lock was last acquired. guests_lock.
	 */
	unsigned long unbind_deadline;
	/**
	 * @config_unsignalled: an unbind changed the guest's APCB, and commit_work has not
	 * signalled the VMM yet. guests_lock.
	 */
	bool config_unsignalled;
};

/**
 * struct vfio_ap_attachment - the attachment of one mdev to one guest
 *
 * Allocated when the VFIO device is opened. The mdev, running transactions and interrupt
 * registrations hold references, so struct kvm and the GISA, which hardware knows,
 * outlive all of them. Work items that need the guest's kvm->lock try to acquire it and
 * retry later, so that no worker waits for it.
 */
struct vfio_ap_attachment {
	/** @kref: the last put queues @release_work */
	struct kref kref;
	/** @kvm: the guest; referenced */
	struct kvm *kvm;
	/** @uuid: name of the mdev, for trace events */
	char uuid[UUID_STRING_LEN + 1];
	/** @pqap_hook: kvm->arch.crypto.pqap_hook points here while attached */
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
	/** @aqic: responses to AQIC, by response code */
	atomic64_t aqic[VFIO_AP_NR_AQIC_CODES];
	/** @spare_giscs: references per GISC that nobody uses; dropped under kvm->lock */
	atomic_t spare_giscs[VFIO_AP_NR_GISC];
	/** @gisc_work: drops @spare_giscs; references this and the module while queued */
	struct delayed_work gisc_work;
	/** @release_work: puts @kvm and frees the attachment */
	struct work_struct release_work;
};

/**
 * enum vfio_ap_binding - may the driver issue instructions to a queue?
 * @VFIO_AP_UNBOUND: TAPQ only, because another driver may own the queue
 * @VFIO_AP_BOUND: yes
 * @VFIO_AP_UNBINDING: it may still be reset, but no guest may get it
 */
enum vfio_ap_binding {
	VFIO_AP_UNBOUND,
	VFIO_AP_BOUND,
	VFIO_AP_UNBINDING,
};

/**
 * struct vfio_ap_queue_stats - statistics of a queue, protected by its lock
 */
struct vfio_ap_queue_stats {
	/** @resets: resets that completed */
	u32 resets;
	/** @plugs: how often a guest got the queue */
	u32 plugs;
	/** @irqs: how often a guest enabled or disabled the interrupt of the queue */
	u32 irqs;
	/** @slowest_ms: duration of the slowest reset in milliseconds, up to 65535 */
	u16 slowest_ms;
	/** @aqic_rc: last response code to AQIC of the guest that has the queue */
	u8 aqic_rc;
};

/**
 * struct vfio_ap_queue - reset and interrupt state of one APQN
 *
 * Outlives the AP bus's struct ap_queue: it exists while the queue is bound, in a guest,
 * being reset, or known to hardware with an interrupt registration. Unless stated
 * otherwise, @lock protects a field. A host can have thousands of queues, so the order of
 * the fields leaves few gaps.
 */
struct vfio_ap_queue {
	/** @kref: one for the table, one for every user without RCU or matrix_dev->lock */
	struct kref kref;
	/** @lock: only pages_lock is taken under it; never taken by an interrupt handler */
	spinlock_t lock;
	/** @apqn: the queue; never changes */
	u16 apqn;
	/** @retry_delay: jiffies from one poll to the next */
	u16 retry_delay;
	/** @binding: enum vfio_ap_binding; written under both locks, read under either */
	u8 binding;
	/** @present: in the host's newest configuration, else no ZAPQ; written like @binding */
	u8 present : 1;
	/**
	 * @unbound_since_commit: the queue was unbound since the last commit of @guest,
	 * which must lose it before it can get it again. Written like @binding.
	 */
	u8 unbound_since_commit : 1;
	/** @reported: the failed or slow reset was logged */
	bool reported;
	/** @reset_seen: a reset was seen in progress since the queue left its guest */
	bool reset_seen;
	/**
	 * @failed_rc: response code 01 or an unknown one that ended a reset; 00 again
	 * when a reset has completed
	 */
	u8 failed_rc;
	/** @last_rc: last response code to ZAPQ, or to the TAPQ that verifies it */
	u8 last_rc;
	/** @guest: the guest that has the queue, or NULL; only compared; written like @binding */
	const struct vfio_ap_attachment *guest;
	/** @required_seq: number of the newest reset that must happen */
	u64 required_seq;
	/** @issued_seq: number for which the ZAPQ in progress counts; 0 without one */
	u64 issued_seq;
	/** @done_seq: number of the newest completed reset */
	u64 done_seq;
	/** @failed_seq: number of the newest reset that set @failed_rc */
	u64 failed_seq;
	/** @required_since: jiffies when a reset was required last */
	unsigned long required_since;
	/** @retry_at: jiffies before which no further ZAPQ is issued */
	unsigned long retry_at;
	/** @irq: the registration that hardware may still use, or NULL; see vfio_ap_irq.c */
	struct vfio_ap_irq *irq;
	/** @stats: statistics */
	struct vfio_ap_queue_stats stats;
	union {
		/** @work: vfio_ap_reset_work() */
		struct delayed_work work;
		/** @rcu: readers of the table may still use the queue after the last put */
		struct rcu_head rcu;
	};
};

/**
 * enum vfio_ap_queue_response - meaning of a response code to ZAPQ or TAPQ for a reset
 * @VFIO_AP_QUEUE_READY: ZAPQ was accepted, or TAPQ finds no reset in progress
 * @VFIO_AP_QUEUE_RESETTING: a reset is in progress
 * @VFIO_AP_QUEUE_REPEAT: repeat the instruction
 * @VFIO_AP_QUEUE_CLEAN: deconfigured or checkstopped: holds no data of a guest
 * @VFIO_AP_QUEUE_GONE: does not exist
 * @VFIO_AP_QUEUE_UNKNOWN: anything else
 */
enum vfio_ap_queue_response {
	VFIO_AP_QUEUE_READY,
	VFIO_AP_QUEUE_RESETTING,
	VFIO_AP_QUEUE_REPEAT,
	VFIO_AP_QUEUE_CLEAN,
	VFIO_AP_QUEUE_GONE,
	VFIO_AP_QUEUE_UNKNOWN,
};

/**
 * struct vfio_ap_tx - a guest transaction: which locks are held, and what it changed
 *
 * vfio_ap_tx_begin() fills it in and vfio_ap_tx_end() ends it. Functions that commit an
 * mdev take it as an argument, so that they cannot be called outside of a transaction.
 */
struct vfio_ap_tx {
	/** @mdev: the mdev that is locked */
	struct vfio_ap_mdev *mdev;
	/** @attachment: its guest, referenced, kvm->lock held; NULL without a guest */
	struct vfio_ap_attachment *attachment;
	/** @perms: ap_attr_mutex is held, too */
	bool perms;
	/** @published: the commit dropped matrix_dev->lock */
	bool published;
	/** @changed: the commit wrote the APCB; vfio_ap_tx_end() signals the VMM */
	bool changed;
	/** @joins: @attachment is new: it has no queue yet, and @shadow_apcb is not its APCB */
	bool joins;
	/** @old: the guest's matrix before the commit */
	struct vfio_ap_matrix old;
	/** @new: the guest's matrix after the commit */
	struct vfio_ap_matrix new;
	/** @reset_seq: number of the resets of queues that left the guest; 0 if none did */
	u64 reset_seq;
	/** @error: why vfio_ap_tx_begin() failed */
	int error;
};

/* Sparse tracks this context and warns about a path that does not end its transaction. */
token_context_lock(vfio_ap_tx_context);

/**
 * enum vfio_ap_kvm_wait - how a transaction waits for kvm->lock
 * @VFIO_AP_WAIT_NOT: not at all; for work items
 * @VFIO_AP_WAIT_KILLABLE: until it is acquired or the task is killed
 * @VFIO_AP_WAIT_BOUNDED: 2 s for all queues of an mdev together; for unbind
 */
enum vfio_ap_kvm_wait {
	VFIO_AP_WAIT_NOT,
	VFIO_AP_WAIT_KILLABLE,
	VFIO_AP_WAIT_BOUNDED,
};

/**
 * enum vfio_ap_assign_op - how a write changes the assigned matrix
 * @VFIO_AP_ASSIGN: add adapters and domains
 * @VFIO_AP_UNASSIGN: remove adapters and domains
 * @VFIO_AP_REPLACE: replace the whole matrix
 */
enum vfio_ap_assign_op {
	VFIO_AP_ASSIGN,
	VFIO_AP_UNASSIGN,
	VFIO_AP_REPLACE,
};

/**
 * struct vfio_ap_plan - what a change of the assigned matrix means
 */
struct vfio_ap_plan {
	/** @candidate: the assigned matrix after the change */
	struct vfio_ap_matrix candidate;
	/** @had: the guest's current matrix; empty without a guest */
	struct vfio_ap_matrix had;
	/** @awaited: queues whose pending resets delay the change */
	struct vfio_ap_matrix awaited;
	/** @conflict: the conflicting queue, if @error is not 0 */
	struct vfio_ap_conflict conflict;
	/** @wait: jiffies that the resets of @awaited are worth waiting for */
	unsigned long wait;
	/** @error: 0, -EADDRNOTAVAIL or -EADDRINUSE */
	int error;
	/** @unchanged: @candidate is assigned already; the fields after @had are 0 */
	bool unchanged;
};

/* Interval between release requests to the VMM. */
#define VFIO_AP_REQUEST_PERIOD	(10 * HZ)
/* Delay after which a work item retries to acquire a kvm->lock. */
#define VFIO_AP_LOCK_RETRY	max_t(unsigned long, HZ / 50, 1)
/* Upper limit for the sum of all waits for resets by one writer or one open. */
#define VFIO_AP_RESET_TIMEOUT	(10 * HZ)

/* vfio_ap_mdev.c */
extern struct workqueue_struct *vfio_ap_commit_wq;
void vfio_ap_mdev_link(struct vfio_ap_mdev *mdev);
void vfio_ap_mdev_unlink(struct vfio_ap_mdev *mdev);
struct vfio_ap_mdev *vfio_ap_mdev_find_by_apqn(u16 apqn);
void vfio_ap_mdev_snapshot(struct vfio_ap_mdev *mdev, struct vfio_ap_matrix *assigned,
			   struct vfio_ap_matrix *shadow_apcb);
void vfio_ap_mdev_commit_after(struct vfio_ap_mdev *mdev, unsigned long delay);
void vfio_ap_mdev_commit_later(struct vfio_ap_mdev *mdev);
void vfio_ap_mdev_notify_later(struct vfio_ap_mdev *mdev);

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

/* vfio_ap_trigger.c */
void vfio_ap_trigger_config_changed(struct vfio_ap_mdev *mdev);
bool vfio_ap_trigger_request(struct vfio_ap_mdev *mdev);
void vfio_ap_trigger_release_all(struct vfio_ap_mdev *mdev);
int vfio_ap_trigger_info(struct vfio_irq_info __user *arg);
int vfio_ap_trigger_set(struct vfio_ap_mdev *mdev, struct vfio_irq_set __user *arg);

/* vfio_ap_queue.c */
extern struct workqueue_struct *vfio_ap_reset_wq;
struct vfio_ap_queue *vfio_ap_queue_create(u16 apqn, work_func_t work);
struct vfio_ap_queue *vfio_ap_queue_get(u16 apqn);
void vfio_ap_queue_put(struct vfio_ap_queue *q);
void vfio_ap_queue_reap(struct vfio_ap_queue *q);
void vfio_ap_queue_reap_all(void);
struct vfio_ap_queue *vfio_ap_queue_find(const struct vfio_ap_matrix *in,
					 const struct vfio_ap_matrix *except,
					 unsigned long *apqn);
/* Under RCU or matrix_dev->lock; the body must not sleep. */
#define vfio_ap_queue_for_each(q, apqn, in, except)			\
	for ((apqn) = 0;						\
	     ((q) = vfio_ap_queue_find(in, except, &(apqn)));		\
	     (apqn)++)
bool vfio_ap_queue_visit(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			 bool (*visit)(struct vfio_ap_queue *q));
void vfio_ap_queue_poll_after(struct vfio_ap_queue *q, unsigned long delay);
void vfio_ap_queue_retry_now(struct vfio_ap_queue *q);
void vfio_ap_queue_join(struct vfio_ap_queue *q, const struct vfio_ap_attachment *guest);
void vfio_ap_queue_leave(struct vfio_ap_queue *q);
void vfio_ap_queue_bind(struct vfio_ap_queue *q);
void vfio_ap_queue_unbind(struct vfio_ap_queue *q, enum vfio_ap_binding binding);
bool vfio_ap_queue_update_present(struct vfio_ap_queue *q);
bool vfio_ap_queue_reset_pending(const struct vfio_ap_queue *q);
enum vfio_ap_fitness vfio_ap_queue_fitness(const struct vfio_ap_queue *q,
					   const struct vfio_ap_attachment *guest);
void vfio_ap_queue_list_unfit(unsigned int apid, const unsigned long *domains,
			      const struct vfio_ap_attachment *guest,
			      struct vfio_ap_unfit *unfit);
enum vfio_ap_queue_response vfio_ap_queue_decode(u8 response_code);

/* vfio_ap_irq.c */
void vfio_ap_irq_end(struct vfio_ap_queue *q);
void vfio_ap_irq_update(struct vfio_ap_queue *q, enum vfio_ap_queue_response response,
			bool tested, bool irq_enabled);
u8 vfio_ap_irq_tapq(struct vfio_ap_queue *q);
bool vfio_ap_irq_needs_polling(const struct vfio_ap_queue *q);
const char *vfio_ap_irq_state_name(const struct vfio_ap_queue *q);
int vfio_ap_irq_intercept(struct kvm_vcpu *vcpu);

/* vfio_ap_notify.c */
void vfio_ap_notify_init(struct vfio_ap_mdev *mdev);
void vfio_ap_notify_commit(struct vfio_ap_mdev *mdev,
			   const struct vfio_ap_matrix *shown_before);
void vfio_ap_notify_unlinked(struct vfio_ap_mdev *mdev);

/* vfio_ap_reset.c */
void vfio_ap_reset_work(struct work_struct *work);
u64 vfio_ap_reset_seq_next(void);
void vfio_ap_reset_require(struct vfio_ap_queue *q, u64 seq);
u64 vfio_ap_reset_require_all(const struct vfio_ap_matrix *matrix,
			      const struct vfio_ap_attachment *guest);
bool vfio_ap_reset_advance(struct vfio_ap_queue *q);
void vfio_ap_reset_wake_waiters(void);
unsigned long vfio_ap_reset_time_left(const struct vfio_ap_matrix *new,
				      const struct vfio_ap_matrix *old);
unsigned long vfio_ap_reset_queue_time_left(const struct vfio_ap_queue *q);
int vfio_ap_reset_wait_removed(const struct vfio_ap_matrix *old,
			       const struct vfio_ap_matrix *new, u64 seq,
			       unsigned long deadline, bool killable);
int vfio_ap_reset_wait_added(const struct vfio_ap_matrix *new,
			     const struct vfio_ap_matrix *old, unsigned long deadline);
int vfio_ap_reset_wait_all(const struct vfio_ap_matrix *matrix,
			   const struct vfio_ap_attachment *guest, u64 seq);

/* vfio_ap_tx.c */
bool vfio_ap_tx_begin(struct vfio_ap_tx *tx, struct vfio_ap_mdev *mdev,
		      enum vfio_ap_kvm_wait wait, bool perms)
	__cond_acquires(true, vfio_ap_tx_context);
void vfio_ap_tx_begin_kvm_locked(struct vfio_ap_tx *tx, struct vfio_ap_mdev *mdev,
				 struct vfio_ap_attachment *attachment)
	__acquires(vfio_ap_tx_context);
void vfio_ap_tx_commit(struct vfio_ap_tx *tx, const struct vfio_ap_matrix *assigned);
void vfio_ap_tx_end(struct vfio_ap_tx *tx)
	__releases(vfio_ap_tx_context);
void vfio_ap_tx_commit_work(struct work_struct *work);

/* vfio_ap_assign.c */
int vfio_ap_assign_parse_masks(const char *text, size_t length, struct vfio_ap_matrix *masks);
void vfio_ap_assign_plan(const struct vfio_ap_mdev *mdev, enum vfio_ap_assign_op op,
			 const struct vfio_ap_matrix *change, struct vfio_ap_plan *plan);
int vfio_ap_assign_change(struct vfio_ap_mdev *mdev, enum vfio_ap_assign_op op,
			  const struct vfio_ap_matrix *change,
			  struct vfio_ap_conflict *conflict);

/* vfio_ap_host.c */
void vfio_ap_host_config_changed(const struct ap_config_info *new,
				 const struct ap_config_info *old);
int vfio_ap_host_read_config(struct ap_config_info *info);
int vfio_ap_host_probe(struct ap_queue *queue);
void vfio_ap_host_remove(struct ap_queue *queue);
int vfio_ap_host_in_use(const unsigned long *apm, const unsigned long *aqm);

/* vfio_ap_guest.c */
int vfio_ap_guest_attach(struct vfio_ap_mdev *mdev, struct kvm *kvm);
void vfio_ap_guest_detach(struct vfio_ap_mdev *mdev);
int vfio_ap_guest_reset(struct vfio_ap_mdev *mdev);

/* vfio_ap_removal.c */
void vfio_ap_removal_init(struct vfio_ap_mdev *mdev);
bool vfio_ap_removal_open(struct vfio_ap_mdev *mdev);
void vfio_ap_removal_close(struct vfio_ap_mdev *mdev);
void vfio_ap_removal_request(struct vfio_ap_mdev *mdev, unsigned int count);
int vfio_ap_removal_prepare(struct vfio_ap_mdev *mdev);

/* vfio_ap_sysfs.c */
extern const struct attribute_group *vfio_ap_matrix_groups[];
extern const struct attribute_group *vfio_ap_mdev_groups[];
extern const struct attribute_group *vfio_ap_queue_groups[];

/* vfio_ap_ops.c */
int vfio_ap_mdev_register(void);
void vfio_ap_mdev_unregister(void);

#endif /* VFIO_AP_PRIVATE_H */
