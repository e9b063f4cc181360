/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Simulated AP and SIE hardware, for kernels that test vfio_ap where there is
 * neither. Documentation/arch/s390/ap-hwsim.rst describes how it is controlled.
 *
 * Layers, top down: traps (main.c) hand an instruction to insn.c, which works
 * on the machine (machine.c); irq.c raises interrupts, check.c watches for
 * violations, fault.c provokes them, hold.c delays calls of the driver, uv.c
 * answers ultravisor calls, debugfs.c is the interface for administrators and
 * tests.
 *
 * One lock, hwsim_lock, irq-safe, protects all of the machine. On the trap path
 * nothing sleeps.
 */
#ifndef AP_HWSIM_H
#define AP_HWSIM_H

#include <linux/bitmap.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <asm/ap.h>

#define HWSIM_IDS	256

/**
 * enum hwsim_ap_opcode - the AP instructions, by their operation codes
 * @HWSIM_NQAP: enqueue a request
 * @HWSIM_DQAP: dequeue a reply
 * @HWSIM_PQAP: all else, by function code
 */
enum hwsim_ap_opcode {
	HWSIM_NQAP = 0xb2ad,
	HWSIM_DQAP = 0xb2ae,
	HWSIM_PQAP = 0xb2af,
};

/**
 * enum hwsim_function - function codes of PQAP, and the two other instructions as such
 * @HWSIM_TAPQ: test a queue
 * @HWSIM_RAPQ: reset it
 * @HWSIM_ZAPQ: reset it and clear what it holds
 * @HWSIM_AQIC: control its interrupt
 * @HWSIM_QCI: query the configuration
 * @HWSIM_QACT: query what is compatible
 * @HWSIM_FN_NQAP: not a function of PQAP
 * @HWSIM_FN_DQAP: not a function of PQAP
 * @HWSIM_NR_FUNCTIONS: how many there are
 */
enum hwsim_function {
	HWSIM_TAPQ,
	HWSIM_RAPQ,
	HWSIM_ZAPQ,
	HWSIM_AQIC,
	HWSIM_QCI,
	HWSIM_QACT,
	HWSIM_FN_NQAP,
	HWSIM_FN_DQAP,
	HWSIM_NR_FUNCTIONS
};

/**
 * enum hwsim_violation_kind - what must never happen
 * @HWSIM_TWO_GUESTS: a queue is in two APCBs
 * @HWSIM_NO_RESET: a queue enters a guest as its last user left it
 * @HWSIM_FOREIGN_DRIVER: a guest has a queue that another driver has
 * @HWSIM_UNBOUND: at rest, a guest has a queue that no driver has
 * @HWSIM_UNPINNED_NIB: an interrupt would write to a page that is not pinned
 * @HWSIM_APCB_IN_SIE: an APCB changed while a CPU of the guest was in SIE
 * @HWSIM_HOST_NO_RESET: the host uses a queue as a guest left it
 * @HWSIM_FOREIGN_GISA: an interrupt is for a GISA that no guest has (any more)
 * @HWSIM_SIGNAL_UNDER_LOCK: an eventfd was signalled under a lock that other VMs need
 * @HWSIM_UNWATCHED: a guest, or what KVM did with it, escaped the simulator
 * @HWSIM_NR_VIOLATIONS: how many kinds there are
 *
 * hwsim_violation_names has their names.
 */
enum hwsim_violation_kind {
	HWSIM_TWO_GUESTS,
	HWSIM_NO_RESET,
	HWSIM_FOREIGN_DRIVER,
	HWSIM_UNBOUND,
	HWSIM_UNPINNED_NIB,
	HWSIM_APCB_IN_SIE,
	HWSIM_HOST_NO_RESET,
	HWSIM_FOREIGN_GISA,
	HWSIM_SIGNAL_UNDER_LOCK,
	HWSIM_UNWATCHED,
	HWSIM_NR_VIOLATIONS
};

/**
 * struct hwsim_apcb - masks in AP bit order: id 0 is the leftmost bit
 */
struct hwsim_apcb {
	/** @apm: adapters */
	DECLARE_BITMAP(apm, HWSIM_IDS);
	/** @aqm: usage domains */
	DECLARE_BITMAP(aqm, HWSIM_IDS);
	/** @adm: control domains */
	DECLARE_BITMAP(adm, HWSIM_IDS);
};

/**
 * struct hwsim_guest - a guest, whether it has queues or not
 */
struct hwsim_guest {
	/** @node: in the list of all guests */
	struct list_head node;
	/** @kvm: identity */
	struct kvm *kvm;
	/** @id: for the files of the test */
	unsigned int id;
	/** @pid: who made it */
	pid_t pid;
	/** @updates: how often the APCB was written */
	unsigned long updates;
	/** @apcb: what it holds */
	struct hwsim_apcb apcb;
};

/**
 * struct hwsim_view - from where an AP instruction comes
 */
struct hwsim_view {
	/** @apcb: what the guest may use; NULL: the host, which may use all */
	const struct hwsim_apcb *apcb;
	/** @read: get storage; 0 or an error that is passed on */
	int (*read)(void *ctx, u64 addr, void *buf, size_t len);
	/** @write: put storage; likewise */
	int (*write)(void *ctx, u64 addr, const void *buf, size_t len);
	/** @ctx: for both */
	void *ctx;
};

/**
 * enum hwsim_reset_mode - how long a reset takes
 * @HWSIM_RESET_POLLS: a number of looks at the queue
 * @HWSIM_RESET_MS: a time
 * @HWSIM_RESET_HOLD: until a test lets go
 */
enum hwsim_reset_mode {
	HWSIM_RESET_POLLS,
	HWSIM_RESET_MS,
	HWSIM_RESET_HOLD,
};

/**
 * struct hwsim_response - what a function answers instead of the truth
 */
struct hwsim_response {
	/** @code: the response code */
	u8 code;
	/** @count: times left; -1: until told otherwise */
	int count;
};

/**
 * struct hwsim_queue - one simulated queue; exists while its APQN is possible
 */
struct hwsim_queue {
	/** @node: in hwsim_queues */
	struct list_head node;
	/** @apqn: its number */
	u16 apqn;
	/** @checkstop: it answers 04 */
	bool checkstop;
	/** @resetting: since when @reset_until or @polls_left count */
	bool resetting;
	/** @mode: how long a reset of it takes */
	enum hwsim_reset_mode mode;
	/** @mode_value: polls or milliseconds, by @mode */
	unsigned int mode_value;
	/** @polls_left: PQAPs for the queue until the reset is done */
	unsigned int polls_left;
	/** @reset_until: nanoseconds since boot at which it is done */
	u64 reset_until;
	/** @reset_cleans: a ZAPQ that began while no guest had the queue */
	bool reset_cleans;
	/** @driver: name of the driver that has the queue, NULL: none */
	const char *driver;
	/** @dirty: somebody used it since the last completed reset */
	bool dirty;
	/**
	 * @early_gisa: of the guest that has done nothing but enable an
	 * interrupt since then, which it may do just before the queue is in its
	 * APCB; 0: somebody did more
	 */
	u64 early_gisa;
	/** @guest_data: that somebody was a guest */
	bool guest_data;
	/** @irq: AQIC enabled it */
	bool irq;
	/**
	 * @irq_shown: TAPQ shows it; follows @irq after @irq_delay PQAPs. As long as one of
	 * them is on, an interrupt may still be written.
	 */
	bool irq_shown;
	/**
	 * @irq_unshown: a disable followed an enable that TAPQ has not shown
	 * yet. TAPQ shows the enable first and then the disable. Until it has
	 * shown both, hardware may still write an indicator.
	 */
	bool irq_unshown;
	/** @aqic_delay: PQAPs for the queue before TAPQ shows an AQIC, as set */
	unsigned int aqic_delay;
	/** @irq_delay: how many of them are left */
	unsigned int irq_delay;
	/** @nib: notification indicator byte, absolute address */
	phys_addr_t nib;
	/** @gisa: origin of the guest's GISA, 0: the host's interrupt */
	u64 gisa;
	/** @isc: interruption subclass of the host */
	u8 isc;
	/** @gisc: that of the guest */
	u8 gisc;
	/** @responses: what is answered instead, by function code */
	struct hwsim_response responses[HWSIM_NR_FUNCTIONS];
	/** @counts: executed so far, by function code */
	unsigned long counts[HWSIM_NR_FUNCTIONS];
	/** @replies: message ids that wait to be dequeued */
	u64 replies[8];
	/** @nr_replies: how many of @replies are in use */
	unsigned int nr_replies;
	/** @forced_replies: replies without a request */
	unsigned int forced_replies;
};

/**
 * struct hwsim_machine - what an LPAR administrator and TAPQ see
 */
struct hwsim_machine {
	/** @apxa: it has the facility of that name: 256 x 256 instead of 64 x 16 */
	bool apxa;
	/** @no_ap: it has no AP instructions at all */
	bool no_ap;
	/** @no_qci: it has no PQAP(QCI) */
	bool no_qci;
	/** @type: of all its adapters */
	u8 type;
	/** @mode: accelerator, CCA or EP11 coprocessor */
	u8 mode;
	/** @apid_max: greatest adapter id */
	unsigned int apid_max;
	/** @domain_max: greatest domain */
	unsigned int domain_max;
	/** @apm: adapters */
	DECLARE_BITMAP(apm, HWSIM_IDS);
	/** @aqm: usage domains */
	DECLARE_BITMAP(aqm, HWSIM_IDS);
	/** @adm: control domains */
	DECLARE_BITMAP(adm, HWSIM_IDS);
	/** @deconfigured: adapters in standby */
	DECLARE_BITMAP(deconfigured, HWSIM_IDS);
	/** @reset_mode: how long a reset takes, as booted */
	enum hwsim_reset_mode reset_mode;
	/** @reset_value: polls or milliseconds, by @reset_mode */
	unsigned int reset_value;
	/** @queues: by APQN; never freed, so that what happened stays known */
	struct hwsim_queue *queues[HWSIM_IDS * HWSIM_IDS];
};

/* The machine, with the lock of all that is declared here. */
extern struct hwsim_machine hwsim;
extern spinlock_t hwsim_lock;
/* struct hwsim_guest: every guest there is. */
extern struct list_head hwsim_guests;
/* struct hwsim_queue: every queue there ever was. */
extern struct list_head hwsim_queues;

/* insn.c */
int hwsim_machine_execute(struct hwsim_machine *machine, enum hwsim_ap_opcode op, u64 gr[16],
			  u8 r1, u8 r2, const struct hwsim_view *view);
int hwsim_ap_execute(enum hwsim_ap_opcode op, u64 gr[16], u8 r1, u8 r2,
		     const struct hwsim_view *view);

/* machine.c */
int hwsim_machine_boot(void);
int hwsim_mask_parse(const char *text, unsigned int limit, unsigned long *mask);
struct hwsim_queue *hwsim_queue_find(struct hwsim_machine *machine, u16 apqn);
bool hwsim_queue_operational(const struct hwsim_machine *machine,
			     const struct hwsim_queue *queue);
int hwsim_queues_create(void);
void hwsim_queue_settle(struct hwsim_queue *queue);
void hwsim_queue_polled(struct hwsim_queue *queue);
void hwsim_queue_reset(struct hwsim_queue *queue, bool zeroize);
void hwsim_queue_complete_reset(struct hwsim_queue *queue);
void hwsim_queue_forget(struct hwsim_queue *queue);
void hwsim_queue_power(struct hwsim_queue *queue);
void hwsim_queues_gone(void);
int hwsim_adapter_configure(unsigned int apid, bool on);
void hwsim_machine_reset(void);

/* irq.c */
int hwsim_irq_init(void);
void hwsim_irq_raise(struct hwsim_queue *queue);
bool hwsim_irq_is_off(const struct hwsim_queue *queue);
bool hwsim_irq_check(const struct hwsim_queue *queue);

/* check.c */
extern const char *const hwsim_violation_names[HWSIM_NR_VIOLATIONS];
void hwsim_violation(enum hwsim_violation_kind kind, const char *fmt, ...) __printf(2, 3);
int hwsim_check_init(void);
bool hwsim_is_in_vfio_ap(unsigned long addr);
bool hwsim_queue_in_guest(const struct hwsim_queue *queue, const struct hwsim_guest *but);
bool hwsim_apcb_has(const struct hwsim_apcb *apcb, u16 apqn);
bool hwsim_gisa_is_of_a_guest(u64 gisa);
void hwsim_check_new_queue(struct hwsim_queue *queue);
void hwsim_check_at_rest(void);
void hwsim_check_host_use(struct hwsim_queue *queue);
size_t hwsim_violations_print(char *buf, size_t size);
void hwsim_violations_clear(void);
void hwsim_apcb_read(struct hwsim_apcb *apcb, const struct kvm_s390_crypto_cb *crycb, u32 format);

/* fault.c */
int hwsim_fault_init(void);
int hwsim_fault_apcb(unsigned int id, struct hwsim_apcb *apcb);
int hwsim_fault_unpinned_nib(struct hwsim_queue *queue);
int hwsim_fault_foreign_gisa(struct hwsim_queue *queue);
int hwsim_fault_apcb_in_sie(u16 apqn);
void hwsim_fault_gisc(unsigned int count);
void hwsim_fault_gisc_hold(bool hold);
int hwsim_fault_signal(unsigned int id, int fd);

/* hold.c */
struct seq_file;
int hwsim_hold_init(void);
int hwsim_hold_begin(const char *function);
int hwsim_hold_release(const char *function);
void hwsim_hold_release_all(void);
void hwsim_hold_print(struct seq_file *seq);

/* uv.c */
void hwsim_uv_offer(bool on);
int hwsim_uv_execute(u64 uvcb);

/* debugfs.c */
void hwsim_debugfs_init(void);

#endif /* AP_HWSIM_H */
