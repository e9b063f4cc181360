/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Simulated adjunct processors (AP) and interpretive execution (SIE), for testing vfio_ap on
 * machines that have neither. Documentation/arch/s390/ap-hwsim.rst describes the kernel
 * parameters and the debugfs files.
 *
 * Each source file uses only files that are below it in this list:
 *
 *   insn_test.c      tests insn.c with KUnit
 *   sie_insn_test.c  tests sie_insn.c with KUnit
 *   sie_code_test.c  tests sie_code.c with KUnit
 *   main.c           enables the simulator at boot
 *   trap.c           emulates host instructions that the machine lacks
 *   debugfs.c        provides control and state files for tests
 *   fault.c          injects faults
 *   stall.c          holds a process's mmap_lock or the lock of one of its pages
 *   hold.c           delays calls from vfio_ap to other kernel functions
 *   sclp.c           handles SCLP requests to configure an adapter
 *   sie.c            simulates START INTERPRETIVE EXECUTION with sie_*.c; see sie.h
 *   insn.c           executes NQAP, DQAP and PQAP
 *   watch.c          observes KVM, the AP bus and eventfds
 *   sie_shadow.c     maintains the shadow tables of the guests
 *   config.c         changes the machine's configuration
 *   check.c          checks that queues are neither shared nor passed on without a reset
 *   irq.c            delivers adapter interrupts
 *   queue.c          changes the state of a queue
 *   guest.c          lists the guests and their APCBs
 *   machine.c        contains the machine's data and kernel parameters
 *   uv.c             simulates the ultravisor of protected guests
 *   violation.c      records violations
 *
 * hwsim_lock, an irq-safe spinlock, protects the machine, its queues and the list of guests.
 * Functions that trap.c or sie.c call do not sleep.
 */
#ifndef AP_HWSIM_H
#define AP_HWSIM_H

#include <linux/bitmap.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <asm/ap.h>

#define HWSIM_IDS	256

struct hwsim_shadow;

/**
 * enum hwsim_ap_opcode - operation codes of the AP instructions
 * @HWSIM_NQAP: enqueue a request
 * @HWSIM_DQAP: dequeue a reply
 * @HWSIM_PQAP: perform the function that general register 0 selects
 */
enum hwsim_ap_opcode {
	HWSIM_NQAP = 0xb2ad,
	HWSIM_DQAP = 0xb2ae,
	HWSIM_PQAP = 0xb2af,
};

/**
 * enum hwsim_function - PQAP functions, NQAP and DQAP
 * @HWSIM_TAPQ: test a queue
 * @HWSIM_RAPQ: reset a queue
 * @HWSIM_ZAPQ: reset a queue and erase its user's data
 * @HWSIM_AQIC: control a queue's interrupt
 * @HWSIM_QCI: query the AP configuration
 * @HWSIM_QACT: query the compatible adapter type
 * @HWSIM_NO_FUNCTION: not a function code
 * @HWSIM_BAPQ: bind a queue to a protected guest
 * @HWSIM_AAPQ: associate a queue with a secret of a protected guest
 * @HWSIM_FN_NQAP: NQAP
 * @HWSIM_FN_DQAP: DQAP
 * @HWSIM_NR_FUNCTIONS: number of values
 *
 * The values of the PQAP functions are their function codes. All values are array indexes.
 */
enum hwsim_function {
	HWSIM_TAPQ,
	HWSIM_RAPQ,
	HWSIM_ZAPQ,
	HWSIM_AQIC,
	HWSIM_QCI,
	HWSIM_QACT,
	HWSIM_NO_FUNCTION,
	HWSIM_BAPQ,
	HWSIM_AAPQ,
	HWSIM_FN_NQAP,
	HWSIM_FN_DQAP,
	HWSIM_NR_FUNCTIONS
};

/**
 * enum hwsim_violation_kind - violations that the simulator reports
 * @HWSIM_TWO_GUESTS: a queue is in the APCBs of two guests
 * @HWSIM_NO_RESET: a guest got a queue that had not been reset since its last use
 * @HWSIM_FOREIGN_DRIVER: a guest has a queue that is bound to a driver other than vfio_ap
 * @HWSIM_UNBOUND: a guest has a queue that has no driver, although no change is in progress
 * @HWSIM_UNPINNED_NIB: the page that contains a notification indicator byte (NIB) is not pinned
 * @HWSIM_APCB_IN_SIE: an APCB changed while one of the guest's vCPUs was in SIE
 * @HWSIM_HOST_NO_RESET: the host used a queue that was not reset after a guest had it
 * @HWSIM_FOREIGN_GISA: an interrupt is directed to a GISA that belongs to no guest
 * @HWSIM_SIGNAL_UNDER_LOCK: a task signalled an eventfd while it held a lock that unrelated
 *	tasks need
 * @HWSIM_UNWATCHED: the simulator failed to observe a guest or a KVM function
 * @HWSIM_NR_VIOLATIONS: number of values
 *
 * hwsim_violation_names[] contains the names that appear in the log.
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
 * struct hwsim_apcb - a guest's AP masks, in which the leftmost bit stands for id 0
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
 * struct hwsim_guest - a guest that the simulator observes
 */
struct hwsim_guest {
	/** @node: element of hwsim_guests */
	struct list_head node;
	/** @kvm: the VM, to which the simulator holds no reference */
	struct kvm *kvm;
	/** @id: guest number that debugfs shows */
	unsigned int id;
	/** @pid: PID of the process that created the VM */
	pid_t pid;
	/** @updates: number of writes to the APCB */
	unsigned long updates;
	/** @apcb: APCB contents after the last write */
	struct hwsim_apcb apcb;
	/**
	 * @native: the guest runs natively, as selected when it was created; cleared if its
	 * shadow cannot be created
	 */
	bool native;
	/** @shadow: shadow tables, or NULL until a vCPU runs natively */
	struct hwsim_shadow *shadow;
};

/**
 * struct hwsim_view - queues and storage that an AP instruction can access
 */
struct hwsim_view {
	/** @apcb: the guest's APCB; NULL for the host, which can access all queues */
	const struct hwsim_apcb *apcb;
	/** @is_protected: the guest is protected, so BAPQ and AAPQ are installed */
	bool is_protected;
	/** @read: read from storage; returns 0 or an errno */
	int (*read)(void *ctx, u64 addr, void *buf, size_t len);
	/** @write: write to storage; returns 0 or an errno */
	int (*write)(void *ctx, u64 addr, const void *buf, size_t len);
	/** @ctx: first argument of @read and @write */
	void *ctx;
};

/**
 * enum hwsim_reset_mode - when a reset completes
 * @HWSIM_RESET_POLLS: after a number of PQAPs that address the queue
 * @HWSIM_RESET_MS: after a number of milliseconds
 * @HWSIM_RESET_HOLD: when a test releases the queue
 */
enum hwsim_reset_mode {
	HWSIM_RESET_POLLS,
	HWSIM_RESET_MS,
	HWSIM_RESET_HOLD,
};

/**
 * struct hwsim_response - a response code that a test injects
 */
struct hwsim_response {
	/** @code: the response code to return instead of the real one */
	u8 code;
	/** @count: number of future responses that return @code; -1 means all */
	int count;
};

/**
 * struct hwsim_queue - one simulated queue
 */
struct hwsim_queue {
	/** @node: element of hwsim_queues */
	struct list_head node;
	/** @apqn: adapter in the left byte, domain in the right byte */
	u16 apqn;
	/** @checkstop: the queue is checkstopped and returns response code 04 */
	bool checkstop;
	/** @resetting: a reset is in progress */
	bool resetting;
	/** @mode: when a reset of the queue completes */
	enum hwsim_reset_mode mode;
	/** @mode_value: number of PQAPs or milliseconds, depending on @mode */
	unsigned int mode_value;
	/** @polls_left: number of PQAPs until the current reset completes */
	unsigned int polls_left;
	/** @reset_until: when the current reset completes, in nanoseconds since boot */
	u64 reset_until;
	/**
	 * @reset_cleans: the current reset will clear @dirty, because it is a ZAPQ that began
	 * while no guest had the queue.
	 */
	bool reset_cleans;
	/** @driver: name of the driver that the queue is bound to, or NULL */
	const char *driver;
	/** @dirty: the host or a guest has used the queue since the last completed ZAPQ */
	bool dirty;
	/**
	 * @early_gisa: GISA for which AQIC enabled the interrupt, if this was the only use of
	 * the queue since the last completed ZAPQ; otherwise 0. The guest with this GISA may
	 * get the queue although the queue is dirty, because a driver may enable the
	 * interrupt just before it adds the queue to the APCB.
	 */
	u64 early_gisa;
	/** @guest_data: the queue may contain a guest's data */
	bool guest_data;
	/** @bound: a protected guest has bound the queue */
	bool bound;
	/** @associated: a protected guest has associated the queue with a secret */
	bool associated;
	/**
	 * @async_rc: response code of an association that failed, which the queue returns to
	 * each instruction until it is reset; 0 if none failed
	 */
	u8 async_rc;
	/** @irq: the last successful AQIC enabled the interrupt */
	bool irq;
	/**
	 * @irq_shown: TAPQ shows the interrupt as enabled. When @irq changes, @irq_shown
	 * changes @irq_delay PQAPs later. The queue may write to its NIB while either is set.
	 */
	bool irq_shown;
	/**
	 * @irq_unshown: AQIC enabled and disabled the interrupt before TAPQ showed either
	 * change. TAPQ will show the two changes one after the other, and the queue may
	 * write to its NIB until TAPQ has shown the second change.
	 */
	bool irq_unshown;
	/** @aqic_delay: number of PQAPs until TAPQ shows the effect of an AQIC */
	unsigned int aqic_delay;
	/** @irq_delay: remaining number of PQAPs until TAPQ shows the effect of the last AQIC */
	unsigned int irq_delay;
	/** @nib: absolute address of the notification indicator byte (NIB) */
	phys_addr_t nib;
	/** @gisa: absolute address of the guest's GISA; 0 if the interrupt is for the host */
	u64 gisa;
	/** @isc: host interruption subclass (ISC) */
	u8 isc;
	/** @gisc: guest interruption subclass (GISC) */
	u8 gisc;
	/** @responses: injected responses, indexed by enum hwsim_function */
	struct hwsim_response responses[HWSIM_NR_FUNCTIONS];
	/** @counts: numbers of executions, indexed by enum hwsim_function */
	unsigned long counts[HWSIM_NR_FUNCTIONS];
	/** @replies: message ids of pending replies */
	u64 replies[8];
	/** @nr_replies: number of message ids in @replies */
	unsigned int nr_replies;
	/** @forced_replies: number of replies that a test created without a request */
	unsigned int forced_replies;
};

/**
 * struct hwsim_machine - a simulated machine
 */
struct hwsim_machine {
	/** @apxa: AP extended addressing is installed: 256 x 256 queues instead of 64 x 16 */
	bool apxa;
	/** @no_ap: AP instructions are not installed */
	bool no_ap;
	/** @no_qci: PQAP(QCI) is not installed */
	bool no_qci;
	/** @open_lowcore: low-address protection of the host is off */
	bool open_lowcore;
	/** @native: new guests run natively */
	bool native;
	/** @type: hardware type of all adapters */
	u8 type;
	/** @mode: mode of all adapters: A (accelerator), D (CCA) or X (EP11) */
	u8 mode;
	/** @apid_max: highest valid adapter id */
	unsigned int apid_max;
	/** @domain_max: highest valid domain id */
	unsigned int domain_max;
	/** @apm: adapters */
	DECLARE_BITMAP(apm, HWSIM_IDS);
	/** @aqm: usage domains */
	DECLARE_BITMAP(aqm, HWSIM_IDS);
	/** @adm: control domains */
	DECLARE_BITMAP(adm, HWSIM_IDS);
	/** @deconfigured: adapters that are deconfigured */
	DECLARE_BITMAP(deconfigured, HWSIM_IDS);
	/** @reset_mode: default of &hwsim_queue.mode */
	enum hwsim_reset_mode reset_mode;
	/** @reset_value: default of &hwsim_queue.mode_value */
	unsigned int reset_value;
	/**
	 * @queues: queues, indexed by APQN. A queue is never freed, so a queue that leaves the
	 * configuration and comes back keeps its state.
	 */
	struct hwsim_queue *queues[HWSIM_IDS * HWSIM_IDS];
};

/* violation.c */
extern const char *const hwsim_violation_names[HWSIM_NR_VIOLATIONS];
void hwsim_violation(enum hwsim_violation_kind kind, const char *fmt, ...) __printf(2, 3);
size_t hwsim_violations_print(char *buf, size_t size);
void hwsim_violations_clear(void);

/**
 * struct hwsim_uv_cpu - a protected vCPU, at the start of its donated storage
 */
struct hwsim_uv_cpu {
	/** @node: element of the list of all protected vCPUs */
	struct list_head node;
	/** @conf: handle of the guest */
	u64 conf;
	/** @psw: the guest's PSW; SIE uses only the condition code of KVM's copy */
	psw_t psw;
	/** @resumes: KVM emulates the last instruction and sets its condition code */
	bool resumes;
};

/* uv.c */
int hwsim_uv_offer(bool on, bool aiv);
void hwsim_uv_respond(u16 command, u16 code, bool busy, unsigned int count);
int hwsim_uv_execute(u64 uvcb);
struct hwsim_uv_cpu *hwsim_uv_cpu_find(u64 handle);
bool hwsim_uv_page_is_open(unsigned long pfn);
void hwsim_uv_pages_print(struct seq_file *seq);
int hwsim_uv_share(u64 handle, u64 addr, unsigned long pfn, bool share);

/* machine.c */
extern struct hwsim_machine hwsim;
extern spinlock_t hwsim_lock;
extern struct list_head hwsim_queues;
struct hwsim_queue *hwsim_queue_find(struct hwsim_machine *machine, u16 apqn);
int hwsim_mask_parse(const char *text, unsigned int limit, unsigned long *mask);
void hwsim_machine_defaults(void);
int hwsim_machine_init(void);

/* guest.c */
extern struct list_head hwsim_guests;
void hwsim_apcb_read(struct hwsim_apcb *apcb, const struct kvm_s390_crypto_cb *crycb, u32 format);
bool hwsim_apcb_has(const struct hwsim_apcb *apcb, u16 apqn);
struct hwsim_guest *hwsim_guest_find(const struct kvm *kvm);
struct hwsim_guest *hwsim_guest_with(u16 apqn, const struct hwsim_guest *except);
u64 hwsim_guest_gisa(const struct hwsim_guest *guest);
bool hwsim_gisa_has_guest(u64 gisa);

/* queue.c */
bool hwsim_queue_operational(const struct hwsim_machine *machine,
			     const struct hwsim_queue *queue);
void hwsim_queue_forget(struct hwsim_queue *queue);
void hwsim_queue_complete_reset(struct hwsim_queue *queue);
void hwsim_queue_settle(struct hwsim_queue *queue);
void hwsim_queue_polled(struct hwsim_queue *queue);
void hwsim_queue_reset(struct hwsim_queue *queue, bool zeroize, bool unbind);
void hwsim_queue_power(struct hwsim_queue *queue);

/* irq.c */
int hwsim_irq_init(void);
void hwsim_irq_raise(struct hwsim_queue *queue);
bool hwsim_irq_check(const struct hwsim_queue *queue);

/* check.c */
void hwsim_check_driver(const struct hwsim_queue *queue);
void hwsim_check_new_queue(struct hwsim_queue *queue);
void hwsim_check_new_apcb(struct hwsim_guest *guest, const struct hwsim_apcb *apcb);
void hwsim_check_host_use(struct hwsim_queue *queue);
void hwsim_check_at_rest(void);

/* config.c */
int hwsim_config_change(unsigned long *mask, unsigned int id, bool add);
int hwsim_config_adapter(unsigned int apid, bool on);
void hwsim_config_reset(void);
int hwsim_config_boot(void);

/* watch.c */
int hwsim_watch_init(void);
void hwsim_watch_check_missed(void);
bool hwsim_is_in_vfio_ap(unsigned long addr);

/* insn.c */
int hwsim_machine_execute(struct hwsim_machine *machine, enum hwsim_ap_opcode op, u64 gr[16],
			  u8 r1, u8 r2, const struct hwsim_view *view);
int hwsim_ap_execute(enum hwsim_ap_opcode op, u64 gr[16], u8 r1, u8 r2,
		     const struct hwsim_view *view);

/* sclp.c */
int hwsim_sclp_init(void);

/* hold.c */
struct seq_file;
int hwsim_hold_init(void);
int hwsim_hold_begin(const char *function);
int hwsim_hold_release(const char *function);
void hwsim_hold_release_all(void);
void hwsim_hold_print(struct seq_file *seq);

/* stall.c */
int hwsim_stall_mmap(pid_t pid);
int hwsim_stall_page(pid_t pid, unsigned long addr);

/* fault.c */
int hwsim_fault_init(void);
int hwsim_fault_apcb(unsigned int id, struct hwsim_apcb *apcb);
int hwsim_fault_unpinned_nib(struct hwsim_queue *queue);
int hwsim_fault_foreign_gisa(struct hwsim_queue *queue);
int hwsim_fault_apcb_in_sie(u16 apqn);
void hwsim_fault_gisc(unsigned int count);
void hwsim_fault_gisc_hold(bool hold);
int hwsim_fault_signal(unsigned int id, int fd);

/* debugfs.c */
void hwsim_debugfs_init(void);

/* trap.c */
int hwsim_trap_init(void);

#endif /* AP_HWSIM_H */
