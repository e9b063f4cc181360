// SPDX-License-Identifier: GPL-2.0
/*
 * Holds calls from vfio_ap to other kernel functions until a test releases the calls.
 * This lets the test control the order of events.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <asm/uv.h>

#include "../ap_bus.h"
#include "ap_hwsim.h"

enum hwsim_hold_id {
	HWSIM_HOLD_REGISTER,
	HWSIM_HOLD_NOTIFY,
	HWSIM_HOLD_DESTROY,
	HWSIM_HOLD_MASKS,
	HWSIM_HOLD_DRIVER,
	HWSIM_HOLD_SHARED,
	HWSIM_NR_HOLDS
};

/**
 * struct hwsim_hold - a kernel function whose calls can be held
 */
struct hwsim_hold {
	/** @probe: kprobe at the first instruction of the function */
	struct kprobe probe;
	/** @instead: called instead of the function while @on is true, with the same arguments */
	void *instead;
	/** @on: new calls are held */
	bool on;
	/** @count: number of calls that are currently held */
	atomic_t count;
};

static struct hwsim_hold hwsim_holds[HWSIM_NR_HOLDS];
static DECLARE_WAIT_QUEUE_HEAD(hwsim_hold_waiters);

static void hwsim_hold_wait(enum hwsim_hold_id id)
{
	struct hwsim_hold *hold = &hwsim_holds[id];

	atomic_inc(&hold->count);
	wait_event(hwsim_hold_waiters, !READ_ONCE(hold->on));
	if (atomic_dec_and_test(&hold->count))
		wake_up_all(&hwsim_hold_waiters);
}

/* Make held registrations fail, to test vfio_ap's error path. */
static int hwsim_held_register(struct vfio_device *device)
{
	hwsim_hold_wait(HWSIM_HOLD_REGISTER);
	return -ENOMEM;
}

static void hwsim_held_notify(struct kobject *kobj, const char *dir, const char *attr)
{
	hwsim_hold_wait(HWSIM_HOLD_NOTIFY);
	sysfs_notify(kobj, dir, attr);
}

static void hwsim_held_destroy(struct workqueue_struct *wq)
{
	hwsim_hold_wait(HWSIM_HOLD_DESTROY);
	destroy_workqueue(wq);
}

static void hwsim_held_masks(struct kvm *kvm, unsigned long *apm, unsigned long *aqm,
			     unsigned long *adm)
{
	hwsim_hold_wait(HWSIM_HOLD_MASKS);
	kvm_arch_crypto_set_masks(kvm, apm, aqm, adm);
}

static int hwsim_held_driver(struct ap_driver *driver, struct module *owner, char *name)
{
	hwsim_hold_wait(HWSIM_HOLD_DRIVER);
	return ap_driver_register(driver, owner, name);
}

static int hwsim_held_shared(unsigned long paddr)
{
	hwsim_hold_wait(HWSIM_HOLD_SHARED);
	return uv_pin_shared(paddr);
}

static struct hwsim_hold hwsim_holds[HWSIM_NR_HOLDS] = {
	[HWSIM_HOLD_REGISTER] = {
		.probe.symbol_name = "vfio_register_emulated_iommu_dev",
		.instead = hwsim_held_register,
	},
	[HWSIM_HOLD_NOTIFY] = {
		.probe.symbol_name = "sysfs_notify",
		.instead = hwsim_held_notify,
	},
	[HWSIM_HOLD_DESTROY] = {
		.probe.symbol_name = "destroy_workqueue",
		.instead = hwsim_held_destroy,
	},
	[HWSIM_HOLD_MASKS] = {
		.probe.symbol_name = "kvm_arch_crypto_set_masks",
		.instead = hwsim_held_masks,
	},
	[HWSIM_HOLD_DRIVER] = {
		.probe.symbol_name = "ap_driver_register",
		.instead = hwsim_held_driver,
	},
	[HWSIM_HOLD_SHARED] = {
		.probe.symbol_name = "uv_pin_shared",
		.instead = hwsim_held_shared,
	},
};

/*
 * Redirect a call from vfio_ap to @instead, which runs in the calling task and may sleep.
 * watch.c has return probes on some of these functions. If a function has several probes,
 * the one that was registered last runs first. By returning 1, this function skips the
 * return probe, which then sees only the call that @instead makes.
 */
static int hwsim_hold_called(struct kprobe *probe, struct pt_regs *regs)
{
	struct hwsim_hold *hold = container_of(probe, struct hwsim_hold, probe);

	if (!READ_ONCE(hold->on) || !hwsim_is_in_vfio_ap(regs->gprs[14]))
		return 0;
	regs->psw.addr = (unsigned long)hold->instead;
	return 1;
}

NOKPROBE_SYMBOL(hwsim_hold_called);

static struct hwsim_hold *hwsim_hold_find(const char *function)
{
	unsigned int i;

	for (i = 0; i < HWSIM_NR_HOLDS; i++) {
		if (!strcmp(hwsim_holds[i].probe.symbol_name, function))
			return &hwsim_holds[i];
	}
	return NULL;
}

/**
 * hwsim_hold_begin - hold all future calls from vfio_ap to a function
 * @function: name of the function
 *
 * Return:
 * * 0		- success
 * * -EINVAL	- calls to this function cannot be held
 * * -ENODEV	- this kernel lacks the function
 */
int hwsim_hold_begin(const char *function)
{
	struct hwsim_hold *hold = hwsim_hold_find(function);

	if (!hold)
		return -EINVAL;
	if (!hold->probe.addr)
		return -ENODEV;
	WRITE_ONCE(hold->on, true);
	return 0;
}

static void hwsim_hold_end(struct hwsim_hold *hold)
{
	WRITE_ONCE(hold->on, false);
	wake_up_all(&hwsim_hold_waiters);
	wait_event(hwsim_hold_waiters, !atomic_read(&hold->count));
}

/**
 * hwsim_hold_release - release the held calls to a function and stop holding calls
 * @function: name of the function
 *
 * Context: Process context. Sleeps until no call is held.
 * Return: 0, or -EINVAL if calls to this function cannot be held.
 */
int hwsim_hold_release(const char *function)
{
	struct hwsim_hold *hold = hwsim_hold_find(function);

	if (!hold)
		return -EINVAL;
	hwsim_hold_end(hold);
	return 0;
}

/* Release the held calls to all functions and stop holding calls. */
void hwsim_hold_release_all(void)
{
	unsigned int i;

	for (i = 0; i < HWSIM_NR_HOLDS; i++)
		hwsim_hold_end(&hwsim_holds[i]);
}

void hwsim_hold_print(struct seq_file *seq)
{
	unsigned int i;

	for (i = 0; i < HWSIM_NR_HOLDS; i++)
		seq_printf(seq, "%s %d\n", hwsim_holds[i].probe.symbol_name,
			   atomic_read(&hwsim_holds[i].count));
}

int __init hwsim_hold_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < HWSIM_NR_HOLDS; i++) {
		hwsim_holds[i].probe.pre_handler = hwsim_hold_called;
		ret = register_kprobe(&hwsim_holds[i].probe);
		/* Without VFIO, for example, some of these functions do not exist. */
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}
