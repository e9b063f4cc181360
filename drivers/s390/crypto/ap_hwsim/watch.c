// SPDX-License-Identifier: GPL-2.0
/*
 * Probes and notifiers that observe KVM, the AP bus and eventfds. They track the guest and
 * the driver of each queue, and call check.c when one of them changes.
 */
#include <linux/device.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../ap_bus.h"
#include "ap_hwsim.h"
#include "sie_shadow.h"

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

	if ((int)regs->gprs[2])
		return 0;
	guest = kzalloc_obj(*guest, GFP_ATOMIC);
	if (!guest) {
		hwsim_violation(HWSIM_UNWATCHED, "guest of pid %d: out of memory", current->tgid);
		return 0;
	}
	guest->kvm = ((struct hwsim_kvm_call *)instance->data)->kvm;
	guest->pid = current->tgid;
	guest->native = READ_ONCE(hwsim.native);

	guard(spinlock_irqsave)(&hwsim_lock);
	guest->id = ++last_id;
	list_add_tail(&guest->node, &hwsim_guests);
	return 0;
}

static int hwsim_masks_written(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kvm *kvm = ((struct hwsim_kvm_call *)instance->data)->kvm;
	struct hwsim_guest *guest;
	struct hwsim_apcb apcb;

	hwsim_apcb_read(&apcb, kvm->arch.crypto.crycb,
			kvm->arch.crypto.crycbd & CRYCB_FORMAT_MASK);

	guard(spinlock_irqsave)(&hwsim_lock);
	guest = hwsim_guest_find(kvm);
	if (guest) {
		guest->updates++;
		hwsim_check_new_apcb(guest, &apcb);
	}
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

/* When a guest ends, it loses its queues, which are then dirty, as after an unplug. */
static int hwsim_guest_ends(struct kprobe *probe, struct pt_regs *regs)
{
	static const struct hwsim_apcb nothing;
	struct hwsim_shadow *shadow = NULL;
	struct hwsim_guest *guest;

	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		guest = hwsim_guest_find((void *)regs->gprs[2]);
		if (guest) {
			hwsim_check_new_apcb(guest, &nothing);
			shadow = guest->shadow;
			list_del(&guest->node);
			kfree(guest);
		}
	}
	if (shadow)
		hwsim_shadow_destroy(shadow);
	return 0;
}

static struct kprobe hwsim_end_probe = {
	.symbol_name = "kvm_arch_destroy_vm",
	.pre_handler = hwsim_guest_ends,
};

/* Report calls that the return probes missed because no kretprobe instance was free. */
void hwsim_watch_check_missed(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hwsim_kvm_probes); i++) {
		if (hwsim_kvm_probes[i].nmissed)
			hwsim_violation(HWSIM_UNWATCHED, "%d missed calls of %s",
					hwsim_kvm_probes[i].nmissed,
					hwsim_kvm_probes[i].kp.symbol_name);
		hwsim_kvm_probes[i].nmissed = 0;
	}
}

/* Test whether an address is in the vfio_ap module. */
bool hwsim_is_in_vfio_ap(unsigned long addr)
{
	struct module *module;

	guard(preempt)();
	module = __module_address(addr);
	return module && !strcmp(module->name, "vfio_ap");
}

NOKPROBE_SYMBOL(hwsim_is_in_vfio_ap);

#ifdef CONFIG_LOCKDEP
/*
 * A task that signals an eventfd calls the wakeup functions of all tasks that poll it. If
 * the signalling task holds a lock, other tasks that need the lock wait for these functions.
 * Return true if tasks that are unrelated to the eventfd can need the lock. They can need
 * kvm->lock, and all locks that vfio_ap takes except trigger_lock, which belongs to the same
 * mdev as the eventfd.
 */
static bool hwsim_lock_delays_others(const struct held_lock *held)
{
	const char *name = held->instance->name;

	if (!strcmp(name, "&kvm->lock"))
		return true;
	return hwsim_is_in_vfio_ap(held->acquire_ip) && strcmp(name, "&mdev->trigger_lock");
}

/* Ignore interrupt handlers, because current->held_locks belongs to the interrupted task. */
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

static bool hwsim_is_queue(const struct device *dev)
{
	return dev->type && dev->type->name && !strcmp(dev->type->name, "ap_queue");
}

static void hwsim_driver_set(struct device *dev, const char *driver)
{
	struct hwsim_queue *queue;

	if (!hwsim_is_queue(dev))
		return;
	guard(spinlock_irqsave)(&hwsim_lock);
	queue = hwsim.queues[to_ap_queue(dev)->qid];
	if (queue)
		queue->driver = driver;
}

static void hwsim_driver_bound(struct device *dev)
{
	struct hwsim_queue *queue;

	if (!hwsim_is_queue(dev))
		return;
	guard(spinlock_irqsave)(&hwsim_lock);
	queue = hwsim.queues[to_ap_queue(dev)->qid];
	if (queue && hwsim_guest_with(queue->apqn, NULL))
		hwsim_check_driver(queue);
}

/* Check a queue's driver only after the driver's probe function has accepted the queue. */
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

static int hwsim_driver_called(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(struct ap_driver **)instance->data = (void *)regs->gprs[2];
	return 0;
}

/* ap_bus_type is not exported. Get its address from the first driver that registers. */
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
 * hwsim_watch_init - register the probes that observe KVM, the AP bus and eventfds
 *
 * Context: During boot, before AP drivers register and before KVM is initialized.
 * Return: 0, or an errno from register_kprobe() or register_kretprobe().
 */
int __init hwsim_watch_init(void)
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
