/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Structures and functions shared by the source files of vfio_ap, the driver that passes AP
 * queues through to KVM guests.
 *
 * A mediated device ("mdev") records the adapters, usage domains and control domains that an
 * administrator has assigned to it. vfio_ap_matrix_derive() takes this assignment, the host's
 * configuration and the state of the queues, and computes what the guest gets. The driver
 * writes the result to the APCB, the part of the guest's crypto control block (CRYCB) that
 * holds the AP masks.
 *
 * Mdevs and queues do not point to each other, so no such pointer can become stale. A queue's
 * owner is the mdev whose assigned matrix contains the queue's APQN; no two assigned matrices
 * contain the same APQN.
 *
 * Each file calls functions only in files that precede it in this list:
 *
 *   matrix                            AP masks, and the computation of what a guest gets
 *   events                            counters and trace events
 *   mdev, attachment, trigger, queue  one structure per file
 *   owner                             owner label of an mdev, protection against removal
 *   irq                               interrupt registrations
 *   notify                            poll() and uevents
 *   reset                             the reset state machine
 *   tx                                guest transactions and commits
 *   assign, host, guest               operations that run transactions
 *   removal                           removal of an mdev that is in use
 *   dryrun, diag, stats               diagnostics, see vfio_ap_diag.h
 *   sysfs, ops, drv                   interfaces to the rest of the kernel
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
/* Size of an mdev's owner label, including the NUL. */
#define VFIO_AP_OWNER_SIZE 256
/* Number of AQIC counters: one for each response code from 00 to 07, one for all other codes. */
#define VFIO_AP_NR_AQIC_CODES 9

/**
 * DOC: lock order
 *
 * The locks, from the outermost to the innermost::
 *
 *   kvm->lock                       one per guest; a task never holds two of them. KVM
 *                                   takes vcpu->mutex under kvm->lock, and the
 *                                   PQAP(AQIC) intercept runs with vcpu->mutex
 *                                   held.
 *     crypto.pqap_hook_rwsem        held for reading by the intercept, which
 *                                   takes vfio_ap_queue->lock; held for writing
 *                                   by attach and detach, with none of the
 *                                   locks below held.
 *     ap_attr_mutex                 taken to assign adapters and domains; the
 *                                   AP bus holds it when it calls in_use().
 *       matrix_dev->guests_lock     protects the list of mdevs and each mdev's
 *                                   attachment; held while an APCB is written.
 *         matrix_dev->lock          protects the fields of all mdevs, the table
 *                                   of queues and the host's configuration.
 *           vfio_ap_queue->lock     protects the reset and interrupt state of
 *                                   one queue; held while the driver issues AP
 *                                   instructions for this queue.
 *             pages_lock            protects the pinned pages of one guest.
 *   attachment->unpin_lock          held while one guest's pages are unpinned;
 *                                   taken with none of this driver's other locks
 *                                   held.
 *   mdev->trigger_lock              protects the eventfds of one VMM; taken with
 *                                   none of the locks above held, because the
 *                                   VMM decides how long eventfd_signal() takes.
 *
 * A task that waits for a kvm->lock holds no lock that another guest needs. A task that
 * waits for a reset holds none of these locks. A task that accesses user memory may hold
 * pqap_hook_rwsem, but no other lock in this list.
 */

struct vfio_ap_attachment;
struct vfio_ap_dry_run;
struct vfio_ap_irq;
struct vfio_ap_page;

/**
 * struct vfio_ap_matrix_dev - the parent device of all mdevs
 */
struct vfio_ap_matrix_dev {
	/** @device: the device /sys/devices/vfio_ap/matrix */
	struct device device;
	/** @guests_lock: protects @mdevs and each mdev's attachment, see "lock order" */
	struct mutex guests_lock;
	/** @lock: protects the fields of mdevs, @queues, @newest, @host and @limits */
	struct mutex lock;
	/** @mdevs: list of all mdevs; changed under @guests_lock and @lock, read under either */
	struct list_head mdevs;
	/** @queues: all queues, by APQN; changed under @lock, read under @lock or RCU */
	struct xarray queues;
	/** @newest: the host's newest AP configuration, even if the AP bus is still scanning it */
	struct vfio_ap_matrix newest;
	/**
	 * @host: the adapters and domains that guests may have: those in the host's
	 * configuration or, while the AP bus scans a new configuration, only those in both the
	 * old and the new one.
	 */
	struct vfio_ap_matrix host;
	/** @limits: the highest adapter and domain ids that the host supports */
	struct vfio_ap_limits limits;
	/** @parent: registration with the mdev core */
	struct mdev_parent parent;
	/** @mdev_type: the driver's only mdev type */
	struct mdev_type mdev_type;
	/** @mdev_types: array of mdev types for the mdev core; points to @mdev_type */
	struct mdev_type *mdev_types[1];
};

extern struct vfio_ap_matrix_dev *matrix_dev;

/**
 * struct vfio_ap_conflict - the queue that prevents an assignment
 */
struct vfio_ap_conflict {
	/** @owner: UUID of the mdev that has the queue, or "host"; empty without a conflict */
	char owner[UUID_STRING_LEN + 1];
	/** @apqn: APQN of the first conflicting queue */
	u16 apqn;
};

/**
 * struct vfio_ap_last_error - the last failed write to an attribute of an mdev
 */
struct vfio_ap_last_error {
	/** @time: time of the write, in seconds since 1970 */
	time64_t time;
	/** @attribute: name of the attribute that was written */
	const char *attribute;
	/** @value: the written text, possibly truncated */
	char value[VFIO_AP_MASKS_TEXT_SIZE + 3];
	/** @conflict: the conflicting queue, if one made the write fail */
	struct vfio_ap_conflict conflict;
	/** @error: negative errno of the write; 0 if no write has failed yet */
	int error;
};

/**
 * struct vfio_ap_delta - changes to a matrix since the last notification
 *
 * A queue that was added and then removed is in @ever but not in @always, so that its pollers
 * are also notified.
 */
struct vfio_ap_delta {
	/** @ever: union of all values of the matrix since the last notification */
	struct vfio_ap_matrix ever;
	/** @always: intersection of all values of the matrix since the last notification */
	struct vfio_ap_matrix always;
};

/**
 * struct vfio_ap_pending_events - changes to an mdev since the last notification
 */
struct vfio_ap_pending_events {
	/** @guest_changed: the content of the attribute guest_matrix has changed */
	bool guest_changed;
	/** @assigned: changes to the assigned matrix */
	struct vfio_ap_delta assigned;
	/** @in_use: changes to the guest's matrix */
	struct vfio_ap_delta in_use;
	/** @updates: value of vfio_ap_mdev.updates at the last notification */
	u64 updates;
};

/**
 * struct vfio_ap_mdev_stats - statistics of an mdev, protected by matrix_dev->lock
 */
struct vfio_ap_mdev_stats {
	/** @plugs: number of queues added to guests */
	u64 plugs;
	/** @unplugs: number of queues taken from guests */
	u64 unplugs;
	/** @notified: number of notifications sent to pollers */
	u64 notified;
	/** @refused: number of failed writes to attributes */
	u64 refused;
	/** @device_resets: number of VFIO_DEVICE_RESET calls */
	u64 device_resets;
	/** @aqic: number of AQIC responses to former guests, by response code */
	u64 aqic[VFIO_AP_NR_AQIC_CODES];
};

/**
 * struct vfio_ap_mdev - one mediated device
 */
struct vfio_ap_mdev {
	/** @vdev: the VFIO device, whose reference count controls the lifetime of this structure */
	struct vfio_device vdev;
	/** @node: entry in matrix_dev->mdevs */
	struct list_head node;
	/**
	 * @linked: whether the mdev is on matrix_dev->mdevs. Protected like that list. If
	 * false, vfio_ap_tx_begin() fails.
	 */
	bool linked;
	/** @assigned: the administrator's assignment; protected by matrix_dev->lock */
	struct vfio_ap_matrix assigned;
	/**
	 * @shadow_apcb: the result of the last commit: the guest's APCB or, without a guest,
	 * the APCB that a guest would get. Written under guests_lock and matrix_dev->lock,
	 * read under either.
	 */
	struct vfio_ap_matrix shadow_apcb;
	/**
	 * @attachment: the attachment to the guest, or NULL. Written under kvm->lock,
	 * guests_lock and matrix_dev->lock; read under guests_lock or matrix_dev->lock.
	 */
	struct vfio_ap_attachment *attachment;
	/**
	 * @removers: number of tasks that wait for the VMM to close the device, so that they
	 * can remove the mdev. While this number is not 0, the guest gets no queues. Protected
	 * like @shadow_apcb.
	 */
	unsigned int removers;
	/**
	 * @remover_interrupted: a signal interrupted one of the @removers, whose write to
	 * "remove" may be restarted. If no task writes to "remove" before @removal_expires,
	 * @removal_work cancels the removal. Protected like @shadow_apcb.
	 */
	bool remover_interrupted;
	/**
	 * @removal_expires: time at which @removal_work may cancel an interrupted removal, in
	 * jiffies. Protected like @shadow_apcb.
	 */
	unsigned long removal_expires;
	/**
	 * @removal_work: cancels an interrupted removal; holds a reference to the mdev while
	 * queued
	 */
	struct delayed_work removal_work;
	/**
	 * @next_request: time of the next release request to the VMM, in jiffies. Shared by
	 * all removers; not protected by a lock.
	 */
	unsigned long next_request;
	/**
	 * @opened: whether the device is open or being opened. Set under matrix_dev->lock, and
	 * only if there are no @removers. VFIO serialises opens and closes. Removers read this
	 * field without the lock.
	 */
	bool opened;
	/** @closed: removers wait here until @opened is false */
	wait_queue_head_t closed;
	/** @owner: owner label, may be empty; protected by matrix_dev->lock */
	char owner[VFIO_AP_OWNER_SIZE];
	/** @protected: if true, writes to "remove" fail; protected by matrix_dev->lock */
	bool protected;
	/** @stats: statistics, shown in debugfs */
	struct vfio_ap_mdev_stats stats;
	/** @last_error: the last failed write; protected by matrix_dev->lock */
	struct vfio_ap_last_error last_error;
	/** @dry_run: the last dry run, or NULL; protected by matrix_dev->lock */
	struct vfio_ap_dry_run *dry_run;
	/** @updates: number of commits that changed an APCB. Protected like @shadow_apcb. */
	u64 updates;
	/** @pending_events: changes that @notify_work must report; protected by guests_lock */
	struct vfio_ap_pending_events pending_events;
	/** @notify_work: notifies pollers; holds a reference to the mdev while queued */
	struct delayed_work notify_work;
	/** @trigger_lock: protects @triggers; held during eventfd_signal() */
	struct mutex trigger_lock;
	/** @triggers: the VMM's eventfds, by interrupt index; NULL if not set */
	struct eventfd_ctx *triggers[VFIO_AP_NUM_IRQS];
	/**
	 * @commit_work: derives and commits the guest's matrix again; holds a reference to the
	 * mdev while queued
	 */
	struct delayed_work commit_work;
	/**
	 * @unbind_deadline: time until which unbinds may wait for this guest's kvm->lock, in
	 * jiffies; 0 if no unbind has waited since the lock was last acquired. Protected by
	 * guests_lock.
	 */
	unsigned long unbind_deadline;
	/**
	 * @config_unsignalled: an unbind changed the guest's APCB, but @commit_work has not
	 * signalled the VMM yet. Protected by guests_lock.
	 */
	bool config_unsignalled;
};

/**
 * struct vfio_ap_attachment - the attachment of one mdev to one guest
 *
 * An attachment is allocated when the VFIO device is opened. The mdev, running transactions
 * and interrupt registrations hold references to it. The attachment holds a reference to
 * struct kvm, so that KVM does not free the guest's GISA while hardware may still write to
 * it. If another task holds the guest's kvm->lock, @gisc_work retries later, because it must
 * not block a worker.
 */
struct vfio_ap_attachment {
	/** @kref: reference count; the last put queues @release_work */
	struct kref kref;
	/** @kvm: the guest; the attachment holds a reference to it */
	struct kvm *kvm;
	/** @uuid: the mdev's UUID, for trace events */
	char uuid[UUID_STRING_LEN + 1];
	/** @pqap_hook: intercept handler; kvm->arch.crypto.pqap_hook points here while attached */
	crypto_hook pqap_hook;
	/** @unpin_lock: held while pages are unpinned */
	struct mutex unpin_lock;
	/** @pages_lock: protects @pages, @unused_pages and vfio_ap_page.users; innermost lock */
	spinlock_t pages_lock;
	/** @pages: pinned pages that interrupt registrations use (struct vfio_ap_page) */
	struct list_head pages;
	/** @unused_pages: pinned pages that no registration uses any longer */
	struct list_head unused_pages;
	/**
	 * @unpin_work: unpins @unused_pages; holds references to the attachment and the module
	 * while queued
	 */
	struct delayed_work unpin_work;
	/** @nisc: the host's interruption subclass for alerts from the guest's GISA */
	int nisc;
	/** @aqic: number of responses to AQIC, by response code */
	atomic64_t aqic[VFIO_AP_NR_AQIC_CODES];
	/** @spare_giscs: number of unused references to each GISC; dropped under kvm->lock */
	atomic_t spare_giscs[VFIO_AP_NR_GISC];
	/**
	 * @gisc_work: drops @spare_giscs; holds references to the attachment and the module
	 * while queued
	 */
	struct delayed_work gisc_work;
	/** @release_work: puts @kvm and frees the attachment */
	struct work_struct release_work;
};

/**
 * enum vfio_ap_binding - which instructions the driver may issue to a queue
 * @VFIO_AP_UNBOUND: TAPQ only, because another driver may own the queue
 * @VFIO_AP_BOUND: all instructions
 * @VFIO_AP_UNBINDING: all instructions, but no guest may get the queue
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
	/** @resets: number of completed resets */
	u32 resets;
	/** @plugs: number of times that a guest got the queue */
	u32 plugs;
	/** @irqs: number of times that a guest enabled or disabled the queue's interrupt */
	u32 irqs;
	/** @slowest_ms: duration of the slowest reset in milliseconds, up to 65535 */
	u16 slowest_ms;
	/** @aqic_rc: response code to the last AQIC from a guest that had the queue */
	u8 aqic_rc;
};

/**
 * struct vfio_ap_queue - reset and interrupt state of one queue
 *
 * This structure may outlive the AP bus's struct ap_queue. It exists while the queue is bound,
 * in a guest or being reset, and while hardware may still use its interrupt registration.
 * Unless stated otherwise, @lock protects the fields. The order of the fields avoids padding,
 * because a host can have thousands of queues.
 */
struct vfio_ap_queue {
	/**
	 * @kref: references held by the table, and by users that rely neither on RCU nor on
	 * matrix_dev->lock
	 */
	struct kref kref;
	/** @lock: protects this structure; never taken by an interrupt handler */
	spinlock_t lock;
	/** @apqn: the queue's APQN, which never changes */
	u16 apqn;
	/** @retry_delay: delay before the next poll or ZAPQ, in jiffies */
	u16 retry_delay;
	/**
	 * @binding: how the queue is bound (enum vfio_ap_binding). Written under
	 * matrix_dev->lock and @lock, read under either.
	 */
	u8 binding;
	/**
	 * @present: whether the host's newest configuration has the queue; if not, no ZAPQ is
	 * issued. Protected like @binding.
	 */
	u8 present : 1;
	/**
	 * @unbound_since_commit: the queue has been unbound since the last commit to @guest,
	 * so the guest must lose the queue before it can get the queue again. Protected like
	 * @binding.
	 */
	u8 unbound_since_commit : 1;
	/** @reported: a failed or slow reset was logged, and no reset has completed since */
	bool reported;
	/**
	 * @reset_seen: after the queue left its guest, ZAPQ or TAPQ returned response code 02
	 * (reset in progress), and neither has returned 00 since
	 */
	bool reset_seen;
	/**
	 * @failed_rc: the response code with which the last reset failed (01 or an unknown
	 * code); 00 after a reset has completed
	 */
	u8 failed_rc;
	/** @last_rc: response code to the last ZAPQ or TAPQ that was issued for a reset */
	u8 last_rc;
	/**
	 * @guest: the guest that has the queue, or NULL. Only compared, never dereferenced.
	 * Protected like @binding.
	 */
	const struct vfio_ap_attachment *guest;
	/** @required_seq: sequence number of the newest reset that is required */
	u64 required_seq;
	/** @issued_seq: sequence number of the ZAPQ in progress; 0 if there is none */
	u64 issued_seq;
	/** @done_seq: sequence number of the newest completed reset */
	u64 done_seq;
	/** @failed_seq: sequence number of the last reset that set @failed_rc */
	u64 failed_seq;
	/** @required_since: time at which @required_seq was last set, in jiffies */
	unsigned long required_since;
	/** @retry_at: time of the next poll, or earliest time for the next ZAPQ, in jiffies */
	unsigned long retry_at;
	/** @irq: the interrupt registration that hardware may use, or NULL; see vfio_ap_irq.c */
	struct vfio_ap_irq *irq;
	/** @stats: statistics, shown in debugfs */
	struct vfio_ap_queue_stats stats;
	union {
		/** @work: runs vfio_ap_reset_work() */
		struct delayed_work work;
		/**
		 * @rcu: delays freeing this structure, because RCU readers may still use it
		 * after the last put
		 */
		struct rcu_head rcu;
	};
};

/**
 * enum vfio_ap_queue_response - what a response code to ZAPQ or TAPQ means for a reset
 * @VFIO_AP_QUEUE_READY: ZAPQ was accepted, or TAPQ found no reset in progress
 * @VFIO_AP_QUEUE_RESETTING: a reset is in progress
 * @VFIO_AP_QUEUE_REPEAT: ZAPQ must be issued again
 * @VFIO_AP_QUEUE_CLEAN: the queue is deconfigured or checkstopped, so it holds no guest data
 * @VFIO_AP_QUEUE_GONE: the queue does not exist
 * @VFIO_AP_QUEUE_UNKNOWN: any other response code
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
 * struct vfio_ap_tx - a guest transaction: the locks that it holds, and its changes
 *
 * vfio_ap_tx_begin() initialises this structure. vfio_ap_tx_commit() takes it as an argument,
 * so that no caller can commit outside a transaction.
 */
struct vfio_ap_tx {
	/** @mdev: the mdev that the transaction may change */
	struct vfio_ap_mdev *mdev;
	/**
	 * @attachment: the attachment to the guest, whose kvm->lock is held; the transaction
	 * holds a reference to it. NULL if there is no guest.
	 */
	struct vfio_ap_attachment *attachment;
	/** @perms: whether ap_attr_mutex is also held */
	bool perms;
	/** @published: vfio_ap_tx_commit() has dropped matrix_dev->lock */
	bool published;
	/** @changed: the commit wrote the APCB, so vfio_ap_tx_end() signals the VMM */
	bool changed;
	/** @joins: the guest is being attached: it has no queues yet, whatever shadow_apcb says */
	bool joins;
	/** @old: the guest's matrix before the commit */
	struct vfio_ap_matrix old;
	/** @new: the guest's matrix after the commit */
	struct vfio_ap_matrix new;
	/**
	 * @reset_seq: sequence number of the resets of the queues that the guest lost; 0 if it
	 * lost none
	 */
	u64 reset_seq;
	/** @error: negative errno if vfio_ap_tx_begin() failed */
	int error;
};

/* Makes sparse warn about code paths that do not end their transaction. */
token_context_lock(vfio_ap_tx_context);

/**
 * enum vfio_ap_kvm_wait - how a transaction waits for kvm->lock
 * @VFIO_AP_WAIT_NOT: do not wait (used by work items)
 * @VFIO_AP_WAIT_KILLABLE: wait until the lock is acquired or the task is killed
 * @VFIO_AP_WAIT_BOUNDED: wait at most 2 s (used by unbinds; the limit applies to all queues of
 *	an mdev together)
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
 * struct vfio_ap_plan - a planned change to the assigned matrix
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
	/** @wait: how long to wait for the resets of @awaited, in jiffies */
	unsigned long wait;
	/** @error: 0, -EADDRNOTAVAIL or -EADDRINUSE */
	int error;
	/** @unchanged: @candidate is already assigned, so nothing needs to be done */
	bool unchanged;
};

/* Interval between release requests to the VMM. */
#define VFIO_AP_REQUEST_PERIOD	(10 * HZ)
/* Delay before a work item that could not acquire a lock tries again. */
#define VFIO_AP_LOCK_RETRY	max_t(unsigned long, HZ / 50, 1)
/* Maximum total time that one write or one open waits for resets. */
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
/* Use this macro under RCU or matrix_dev->lock. The body of the loop must not sleep. */
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

/* vfio_ap_owner.c */
extern const struct attribute_group vfio_ap_owner_group;
void vfio_ap_owner_copy(const struct vfio_ap_mdev *mdev, char label[VFIO_AP_OWNER_SIZE]);
void vfio_ap_owner_find(const char *uuid, char label[VFIO_AP_OWNER_SIZE]);
void vfio_ap_owner_log_refusal(struct vfio_ap_mdev *mdev);

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
bool vfio_ap_reset_is_erased(struct vfio_ap_queue *q);
void vfio_ap_reset_wait_erased(struct vfio_ap_queue *q);
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
int vfio_ap_assign_parse_masks(const char *text, struct vfio_ap_matrix *masks);
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
