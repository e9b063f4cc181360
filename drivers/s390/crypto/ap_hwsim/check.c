// SPDX-License-Identifier: GPL-2.0
/*
 * What must never happen. Hardware would let most of it pass; here it is
 * logged, counted, and ends in a failed test run.
 */
#define pr_fmt(fmt) "ap_hwsim: " fmt

#include <linux/device.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../ap_bus.h"
#include "ap_hwsim.h"

#define HWSIM_MAX_VIOLATIONS 64

const char *const hwsim_violation_names[HWSIM_NR_VIOLATIONS] = {
	[HWSIM_TWO_GUESTS] = "two-guests",
	[HWSIM_NO_RESET] = "no-reset",
	[HWSIM_FOREIGN_DRIVER] = "foreign-driver",
	[HWSIM_UNBOUND] = "unbound",
	[HWSIM_UNPINNED_NIB] = "unpinned-nib",
	[HWSIM_APCB_IN_SIE] = "apcb-in-sie",
	[HWSIM_HOST_NO_RESET] = "host-no-reset",
	[HWSIM_FOREIGN_GISA] = "foreign-gisa",
	[HWSIM_SIGNAL_UNDER_LOCK] = "signal-under-lock",
	[HWSIM_UNWATCHED] = "unwatched",
};

LIST_HEAD(hwsim_guests);

static DEFINE_SPINLOCK(hwsim_violations_lock);
static char hwsim_violations[HWSIM_MAX_VIOLATIONS][96];
static unsigned int hwsim_nr_violations;

/**
 * hwsim_violation - note that something happened that must not
 * @kind: what
 * @fmt: where, printf style
 *
 * Context: Any.
 */
void hwsim_violation(enum hwsim_violation_kind kind, const char *fmt, ...)
{
	unsigned long flags;
	char text[72];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	spin_lock_irqsave(&hwsim_violations_lock, flags);
	if (hwsim_nr_violations < HWSIM_MAX_VIOLATIONS)
		snprintf(hwsim_violations[hwsim_nr_violations++], sizeof(hwsim_violations[0]),
			 "%s %s", hwsim_violation_names[kind], text);
	spin_unlock_irqrestore(&hwsim_violations_lock, flags);
	pr_err("violation: %s %s\n", hwsim_violation_names[kind], text);
}

NOKPROBE_SYMBOL(hwsim_violation);

/**
 * hwsim_violations_print - one line for each violation
 * @buf: where to
 * @size: of it
 *
 * Context: Any.
 * Return: Characters printed.
 */
size_t hwsim_violations_print(char *buf, size_t size)
{
	unsigned long flags;
	unsigned int i;
	size_t len = 0;

	spin_lock_irqsave(&hwsim_violations_lock, flags);
	for (i = 0; i < hwsim_nr_violations; i++)
		len += scnprintf(buf + len, size - len, "%s\n", hwsim_violations[i]);
	spin_unlock_irqrestore(&hwsim_violations_lock, flags);
	return len;
}

/**
 * hwsim_violations_clear - forget the violations
 *
 * Context: Any.
 */
void hwsim_violations_clear(void)
{
	unsigned long flags;

	spin_lock_irqsave(&hwsim_violations_lock, flags);
	hwsim_nr_violations = 0;
	spin_unlock_irqrestore(&hwsim_violations_lock, flags);
}

/**
 * hwsim_apcb_has - is a queue in an APCB?
 * @apcb: the APCB
 * @apqn: the queue
 *
 * Context: Any.
 * Return: true if it is.
 */
bool hwsim_apcb_has(const struct hwsim_apcb *apcb, u16 apqn)
{
	return test_bit_inv(apqn >> 8, apcb->apm) && test_bit_inv(apqn & 0xff, apcb->aqm);
}

/**
 * hwsim_queue_in_guest - does a guest have a queue?
 * @queue: the queue
 * @but: a guest that does not count, or NULL
 *
 * Context: hwsim_lock held.
 * Return: true if one has.
 */
bool hwsim_queue_in_guest(const struct hwsim_queue *queue, const struct hwsim_guest *but)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (guest != but && hwsim_apcb_has(&guest->apcb, queue->apqn))
			return true;
	}
	return false;
}

NOKPROBE_SYMBOL(hwsim_queue_in_guest);

/**
 * hwsim_apcb_read - the masks of a CRYCB, whatever its format
 * @apcb: set to them
 * @crycb: the CRYCB
 * @format: CRYCB_FORMAT0, 1 or 2
 *
 * Context: Any.
 */
void hwsim_apcb_read(struct hwsim_apcb *apcb, const struct kvm_s390_crypto_cb *crycb, u32 format)
{
	memset(apcb, 0, sizeof(*apcb));
	if (format == CRYCB_FORMAT2) {
		memcpy(apcb->apm, crycb->apcb1.apm, sizeof(apcb->apm));
		memcpy(apcb->aqm, crycb->apcb1.aqm, sizeof(apcb->aqm));
		memcpy(apcb->adm, crycb->apcb1.adm, sizeof(apcb->adm));
	} else {
		memcpy(apcb->apm, crycb->apcb0.apm, 8);
		memcpy(apcb->aqm, crycb->apcb0.aqm, 2);
		memcpy(apcb->adm, crycb->apcb0.adm, 2);
	}
}

static void hwsim_queue_check_driver(const struct hwsim_queue *queue)
{
	if (queue->driver && strcmp(queue->driver, "vfio_ap"))
		hwsim_violation(HWSIM_FOREIGN_DRIVER, "queue %02x.%04x driver %s",
				queue->apqn >> 8, queue->apqn & 0xff, queue->driver);
}

static nokprobe_inline u64 hwsim_guest_gisa(const struct hwsim_guest *guest)
{
	return virt_to_phys(&guest->kvm->arch.sie_page2->gisa);
}

static void hwsim_queue_joins(struct hwsim_queue *queue, struct hwsim_guest *guest)
{
	bool early = queue->early_gisa && queue->early_gisa == hwsim_guest_gisa(guest);
	unsigned int apid = queue->apqn >> 8, apqi = queue->apqn & 0xff;

	if (hwsim_queue_in_guest(queue, guest))
		hwsim_violation(HWSIM_TWO_GUESTS, "queue %02x.%04x", apid, apqi);
	if ((queue->dirty && !early) || queue->resetting)
		hwsim_violation(HWSIM_NO_RESET, "queue %02x.%04x", apid, apqi);
	hwsim_queue_check_driver(queue);
}

/**
 * hwsim_check_new_queue - a queue comes to exist, maybe where guests wait for it
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 */
void hwsim_check_new_queue(struct hwsim_queue *queue)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (hwsim_apcb_has(&guest->apcb, queue->apqn))
			hwsim_queue_joins(queue, guest);
	}
}

/**
 * hwsim_gisa_is_of_a_guest - does a GISA belong to a guest that there is?
 * @gisa: its origin, absolute address
 *
 * Context: hwsim_lock held.
 * Return: true if it does.
 */
bool hwsim_gisa_is_of_a_guest(u64 gisa)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (gisa == hwsim_guest_gisa(guest))
			return true;
	}
	return false;
}

NOKPROBE_SYMBOL(hwsim_gisa_is_of_a_guest);

static void hwsim_guest_update(struct hwsim_guest *guest, const struct hwsim_apcb *apcb)
{
	struct hwsim_queue *queue;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(queue, &hwsim_queues, node) {
		bool had = hwsim_apcb_has(&guest->apcb, queue->apqn);
		bool has = hwsim_apcb_has(apcb, queue->apqn);

		if (has && !had)
			hwsim_queue_joins(queue, guest);
		/* What is off has lost what it held, and is reset when it comes on. */
		if (had && !has && hwsim_queue_operational(&hwsim, queue)) {
			queue->dirty = true;
			queue->early_gisa = 0;
			queue->guest_data = true;
			/* Began while the guest could still use the queue. */
			queue->reset_cleans = false;
		}
	}
	guest->apcb = *apcb;
}

static struct hwsim_guest *hwsim_guest_find(struct kvm *kvm)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (guest->kvm == kvm)
			return guest;
	}
	return NULL;
}

struct hwsim_kvm_call {
	struct kvm *kvm;
};

static int hwsim_kvm_called(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	((struct hwsim_kvm_call *)instance->data)->kvm = (void *)regs->gprs[2];
	return 0;
}

static int hwsim_guest_begins(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	static unsigned int last_id;
	struct hwsim_guest *guest;
	unsigned long flags;

	if ((int)regs->gprs[2])
		return 0;
	guest = kzalloc(sizeof(*guest), GFP_ATOMIC);
	if (!guest) {
		hwsim_violation(HWSIM_UNWATCHED, "guest of pid %d: no memory", current->tgid);
		return 0;
	}
	guest->kvm = ((struct hwsim_kvm_call *)instance->data)->kvm;
	guest->pid = current->tgid;
	spin_lock_irqsave(&hwsim_lock, flags);
	guest->id = ++last_id;
	list_add_tail(&guest->node, &hwsim_guests);
	spin_unlock_irqrestore(&hwsim_lock, flags);
	return 0;
}

/* KVM has written an APCB: it counts from now on. */
static int hwsim_masks_written(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kvm *kvm = ((struct hwsim_kvm_call *)instance->data)->kvm;
	struct hwsim_guest *guest;
	struct hwsim_apcb apcb;
	unsigned long flags;

	hwsim_apcb_read(&apcb, kvm->arch.crypto.crycb,
			kvm->arch.crypto.crycbd & CRYCB_FORMAT_MASK);
	spin_lock_irqsave(&hwsim_lock, flags);
	guest = hwsim_guest_find(kvm);
	if (guest) {
		guest->updates++;
		hwsim_guest_update(guest, &apcb);
	}
	spin_unlock_irqrestore(&hwsim_lock, flags);
	return 0;
}

static struct kretprobe hwsim_kvm_probes[] = {
	{
		.kp.symbol_name = "kvm_arch_init_vm",
		.entry_handler = hwsim_kvm_called,
		.handler = hwsim_guest_begins,
		.data_size = sizeof(struct hwsim_kvm_call),
	},
	{
		.kp.symbol_name = "kvm_arch_crypto_set_masks",
		.entry_handler = hwsim_kvm_called,
		.handler = hwsim_masks_written,
		.data_size = sizeof(struct hwsim_kvm_call),
	},
	{
		.kp.symbol_name = "kvm_arch_crypto_clear_masks",
		.entry_handler = hwsim_kvm_called,
		.handler = hwsim_masks_written,
		.data_size = sizeof(struct hwsim_kvm_call),
	},
};

/* A guest that ends with queues in its APCB leaves them as used as they are. */
static int hwsim_guest_ends(struct kprobe *probe, struct pt_regs *regs)
{
	static const struct hwsim_apcb nothing;
	struct hwsim_guest *guest, *next;
	unsigned long flags;

	spin_lock_irqsave(&hwsim_lock, flags);
	list_for_each_entry_safe(guest, next, &hwsim_guests, node) {
		if (guest->kvm != (void *)regs->gprs[2])
			continue;
		hwsim_guest_update(guest, &nothing);
		list_del(&guest->node);
		kfree(guest);
	}
	spin_unlock_irqrestore(&hwsim_lock, flags);
	return 0;
}

static struct kprobe hwsim_end_probe = {
	.symbol_name = "kvm_arch_destroy_vm",
	.pre_handler = hwsim_guest_ends,
};

/**
 * hwsim_is_in_vfio_ap - test for an address in the code of vfio_ap
 * @addr: the address
 *
 * Return: true if vfio_ap contains the address.
 */
bool hwsim_is_in_vfio_ap(unsigned long addr)
{
	struct module *module;
	bool found;

	preempt_disable();
	module = __module_address(addr);
	found = module && !strcmp(module->name, "vfio_ap");
	preempt_enable();
	return found;
}

NOKPROBE_SYMBOL(hwsim_is_in_vfio_ap);

#ifdef CONFIG_LOCKDEP
/*
 * Tasks that wait for kvm->lock, which any code may hold, or for a lock that vfio_ap
 * took, wait for all pollers of the eventfd. Only the VMM of the eventfd's mdev
 * needs trigger_lock.
 */
static bool hwsim_lock_delays_others(const struct held_lock *held)
{
	const char *name = held->instance->name;

	if (!strcmp(name, "&kvm->lock"))
		return true;
	return hwsim_is_in_vfio_ap(held->acquire_ip) && strcmp(name, "&mdev->trigger_lock");
}

/* Ignore interrupt handlers: the interrupted task holds these locks, not the handler. */
static int hwsim_eventfd_signalled(struct kprobe *probe, struct pt_regs *regs)
{
	int i;

	if (!in_task())
		return 0;
	for (i = 0; i < current->lockdep_depth; i++) {
		if (hwsim_lock_delays_others(&current->held_locks[i]))
			hwsim_violation(HWSIM_SIGNAL_UNDER_LOCK, "%s",
					current->held_locks[i].instance->name);
	}
	return 0;
}

NOKPROBE_SYMBOL(hwsim_eventfd_signalled);

static struct kprobe hwsim_eventfd_probe = {
	.symbol_name = "eventfd_signal_mask",
	.pre_handler = hwsim_eventfd_signalled,
};

static int __init hwsim_eventfd_watch(void)
{
	return register_kprobe(&hwsim_eventfd_probe);
}
#else
static int __init hwsim_eventfd_watch(void)
{
	return 0;
}
#endif

/**
 * hwsim_check_host_use - the host sends a request to a queue
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 */
void hwsim_check_host_use(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (queue->guest_data)
		hwsim_violation(HWSIM_HOST_NO_RESET, "queue %02x.%04x", queue->apqn >> 8,
				queue->apqn & 0xff);
	/* Said once, not with each request. */
	queue->guest_data = false;
}

NOKPROBE_SYMBOL(hwsim_check_host_use);

/**
 * hwsim_check_at_rest - look for what may only be so while a driver is at work
 *
 * Context: Takes hwsim_lock.
 */
void hwsim_check_at_rest(void)
{
	struct hwsim_guest *guest;
	struct hwsim_queue *queue;
	unsigned int apid, apqi, i;
	unsigned long flags;

	for (i = 0; i < ARRAY_SIZE(hwsim_kvm_probes); i++) {
		if (hwsim_kvm_probes[i].nmissed)
			hwsim_violation(HWSIM_UNWATCHED, "%d calls of %s",
					hwsim_kvm_probes[i].nmissed,
					hwsim_kvm_probes[i].kp.symbol_name);
		hwsim_kvm_probes[i].nmissed = 0;
	}
	spin_lock_irqsave(&hwsim_lock, flags);
	list_for_each_entry(queue, &hwsim_queues, node)
		hwsim_irq_check(queue);
	list_for_each_entry(guest, &hwsim_guests, node) {
		for_each_set_bit_inv(apid, guest->apcb.apm, HWSIM_IDS) {
			for_each_set_bit_inv(apqi, guest->apcb.aqm, HWSIM_IDS) {
				queue = hwsim.queues[apid << 8 | apqi];
				if (!queue || !queue->driver)
					hwsim_violation(HWSIM_UNBOUND, "queue %02x.%04x guest %u",
							apid, apqi, guest->id);
			}
		}
	}
	spin_unlock_irqrestore(&hwsim_lock, flags);
}

static bool hwsim_is_queue(const struct device *dev)
{
	return dev->type && dev->type->name && !strcmp(dev->type->name, "ap_queue");
}

static void hwsim_driver_set(struct device *dev, const char *driver)
{
	struct hwsim_queue *queue;
	unsigned long flags;

	if (!hwsim_is_queue(dev))
		return;
	spin_lock_irqsave(&hwsim_lock, flags);
	queue = hwsim.queues[to_ap_queue(dev)->qid];
	if (queue)
		queue->driver = driver;
	spin_unlock_irqrestore(&hwsim_lock, flags);
}

/* Not before: a driver that is offered a queue may decline. */
static void hwsim_driver_bound(struct device *dev)
{
	struct hwsim_queue *queue;
	unsigned long flags;

	if (!hwsim_is_queue(dev))
		return;
	spin_lock_irqsave(&hwsim_lock, flags);
	queue = hwsim.queues[to_ap_queue(dev)->qid];
	if (queue && hwsim_queue_in_guest(queue, NULL))
		hwsim_queue_check_driver(queue);
	spin_unlock_irqrestore(&hwsim_lock, flags);
}

static int hwsim_bus_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct device *dev = data;

	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
		hwsim_driver_set(dev, dev->driver->name);
		break;
	case BUS_NOTIFY_BOUND_DRIVER:
		hwsim_driver_bound(dev);
		break;
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
	case BUS_NOTIFY_UNBOUND_DRIVER:
		hwsim_driver_set(dev, NULL);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block hwsim_bus_nb = { .notifier_call = hwsim_bus_event };
static const struct bus_type *hwsim_ap_bus;

/* The AP bus is not exported; a driver that has registered leads to it. */
static int hwsim_driver_called(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(struct ap_driver **)instance->data = (void *)regs->gprs[2];
	return 0;
}

static int hwsim_driver_registered(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct ap_driver *driver = *(struct ap_driver **)instance->data;

	if (!hwsim_ap_bus)
		hwsim_ap_bus = driver->driver.bus;
	return 0;
}

static struct kretprobe hwsim_driver_probe = {
	.kp.symbol_name = "ap_driver_register",
	.entry_handler = hwsim_driver_called,
	.handler = hwsim_driver_registered,
	.data_size = sizeof(struct ap_driver *),
};

static int hwsim_driver_note(struct device *dev, void *data)
{
	if (dev->driver)
		hwsim_driver_set(dev, dev->driver->name);
	return 0;
}

static int __init hwsim_bus_watch(void)
{
	if (hwsim.no_ap)
		return 0;
	if (!hwsim_ap_bus)
		return -ENODEV;
	bus_register_notifier(hwsim_ap_bus, &hwsim_bus_nb);
	return bus_for_each_dev(hwsim_ap_bus, NULL, NULL, hwsim_driver_note);
}
late_initcall(hwsim_bus_watch);

/**
 * hwsim_check_init - begin to watch
 *
 * Context: Boot, before AP drivers and KVM initialise.
 * Return: 0 or the errno of kprobes.
 */
int __init hwsim_check_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(hwsim_kvm_probes); i++) {
		ret = register_kretprobe(&hwsim_kvm_probes[i]);
		if (ret)
			return ret;
	}
	ret = register_kretprobe(&hwsim_driver_probe);
	if (ret)
		return ret;
	ret = register_kprobe(&hwsim_end_probe);
	return ret ?: hwsim_eventfd_watch();
}
