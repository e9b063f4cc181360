// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated machine: which adapters and domains there are, and how a queue
 * behaves in time.
 */
#define pr_fmt(fmt) "ap_hwsim: " fmt

#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "../ap_bus.h"
#include "ap_hwsim.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "ap_hwsim."

struct hwsim_machine hwsim;
DEFINE_SPINLOCK(hwsim_lock);
/* All there ever were: few, while there could be 65536. */
LIST_HEAD(hwsim_queues);

static char boot_adapters[64] = "4-6";
static char boot_domains[64] = "4-6";
static unsigned int type = 13;
static char mode[8] = "cca";
static bool apxa = true;
static bool ap = true;
static bool qci = true;
static unsigned int reset_polls = 2;
static unsigned int reset_ms;

module_param_string(adapters, boot_adapters, sizeof(boot_adapters), 0444);
MODULE_PARM_DESC(adapters, "adapters of the machine, decimal or ranges: 4-6,8");
module_param_string(domains, boot_domains, sizeof(boot_domains), 0444);
MODULE_PARM_DESC(domains, "usage and control domains of the machine, likewise");
module_param(type, uint, 0444);
MODULE_PARM_DESC(type, "hardware type, 10 (CEX4) to 14 (CEX8)");
module_param_string(mode, mode, sizeof(mode), 0444);
MODULE_PARM_DESC(mode, "accel, cca or ep11");
module_param(apxa, bool, 0444);
MODULE_PARM_DESC(apxa, "256 x 256 instead of 64 x 16");
module_param(ap, bool, 0444);
MODULE_PARM_DESC(ap, "AP instructions are installed");
module_param(qci, bool, 0444);
MODULE_PARM_DESC(qci, "PQAP(QCI) is installed");
module_param(reset_polls, uint, 0444);
MODULE_PARM_DESC(reset_polls, "looks at a queue until its reset has completed");
module_param(reset_ms, uint, 0444);
MODULE_PARM_DESC(reset_ms, "milliseconds until a reset has completed; 0: reset_polls counts");

/**
 * hwsim_queue_find - the queue of an APQN
 * @machine: the machine
 * @apqn: the APQN
 *
 * Context: hwsim_lock held.
 * Return: The queue, or NULL if it is not in the machine's configuration.
 */
struct hwsim_queue *hwsim_queue_find(struct hwsim_machine *machine, u16 apqn)
{
	lockdep_assert_held(&hwsim_lock);

	if (!test_bit_inv(apqn >> 8, machine->apm) || !test_bit_inv(apqn & 0xff, machine->aqm))
		return NULL;
	return machine->queues[apqn];
}

NOKPROBE_SYMBOL(hwsim_queue_find);

/**
 * hwsim_queue_operational - can a queue hold anything?
 * @machine: the machine
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 * Return: false if its adapter is deconfigured or it is checkstopped.
 */
bool hwsim_queue_operational(const struct hwsim_machine *machine,
			     const struct hwsim_queue *queue)
{
	return !queue->checkstop && !test_bit_inv(queue->apqn >> 8, machine->deconfigured);
}

NOKPROBE_SYMBOL(hwsim_queue_operational);

/**
 * hwsim_queues_create - have a queue for each APQN of the configuration
 *
 * Context: Allocates; takes hwsim_lock.
 * Return: 0 or -ENOMEM.
 */
int hwsim_queues_create(void)
{
	unsigned long flags;
	unsigned int apid, apqi;

	for_each_set_bit_inv(apid, hwsim.apm, HWSIM_IDS) {
		for_each_set_bit_inv(apqi, hwsim.aqm, HWSIM_IDS) {
			u16 apqn = apid << 8 | apqi;
			struct hwsim_queue *queue;

			if (hwsim.queues[apqn])
				continue;
			queue = kzalloc(sizeof(*queue), GFP_KERNEL);
			if (!queue)
				return -ENOMEM;
			queue->apqn = apqn;
			spin_lock_irqsave(&hwsim_lock, flags);
			/* Somebody else may have been faster. */
			if (!hwsim.queues[apqn]) {
				queue->mode = hwsim.reset_mode;
				queue->mode_value = hwsim.reset_value;
				hwsim.queues[apqn] = queue;
				list_add_tail(&queue->node, &hwsim_queues);
				hwsim_check_new_queue(queue);
				queue = NULL;
			}
			spin_unlock_irqrestore(&hwsim_lock, flags);
			kfree(queue);
		}
	}
	return 0;
}

/**
 * hwsim_queue_forget - lose what AQIC said, and the replies that wait
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 */
void hwsim_queue_forget(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	queue->irq = false;
	queue->irq_shown = false;
	queue->irq_unshown = false;
	queue->nib = 0;
	queue->gisa = 0;
	queue->nr_replies = 0;
	queue->forced_replies = 0;
}

NOKPROBE_SYMBOL(hwsim_queue_forget);

/**
 * hwsim_queue_complete_reset - a reset has come to its end
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 */
void hwsim_queue_complete_reset(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	hwsim_queue_forget(queue);
	queue->resetting = false;
	if (queue->reset_cleans) {
		queue->dirty = false;
		queue->guest_data = false;
	}
}

NOKPROBE_SYMBOL(hwsim_queue_complete_reset);

/**
 * hwsim_queue_settle - a reset that takes a time ends when that has passed
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 */
void hwsim_queue_settle(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (queue->resetting && queue->mode == HWSIM_RESET_MS &&
	    ktime_get_mono_fast_ns() >= queue->reset_until)
		hwsim_queue_complete_reset(queue);
}

NOKPROBE_SYMBOL(hwsim_queue_settle);

/**
 * hwsim_queue_polled - time that is measured in looks passes: somebody looked
 * @queue: the queue
 *
 * Context: hwsim_lock held.
 */
void hwsim_queue_polled(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (queue->resetting && queue->mode == HWSIM_RESET_POLLS) {
		if (!queue->polls_left)
			hwsim_queue_complete_reset(queue);
		else
			queue->polls_left--;
	}
	if (queue->irq_shown == queue->irq && !queue->irq_unshown)
		return;
	if (queue->irq_delay) {
		queue->irq_delay--;
	} else if (queue->irq_unshown) {
		queue->irq_unshown = false;
		queue->irq_shown = true;
		queue->irq_delay = queue->aqic_delay;
	} else {
		queue->irq_shown = queue->irq;
	}
}

NOKPROBE_SYMBOL(hwsim_queue_polled);

/**
 * hwsim_queue_reset - begin a reset
 * @queue: the queue
 * @zeroize: ZAPQ, which clears what the queue holds for its user
 *
 * Until it completes an interrupt may still be written to where AQIC said.
 *
 * Context: hwsim_lock held.
 */
void hwsim_queue_reset(struct hwsim_queue *queue, bool zeroize)
{
	lockdep_assert_held(&hwsim_lock);

	queue->resetting = true;
	queue->reset_cleans = zeroize && !hwsim_queue_in_guest(queue, NULL);
	queue->polls_left = queue->mode == HWSIM_RESET_POLLS ? queue->mode_value : 0;
	queue->reset_until = ktime_get_mono_fast_ns() + queue->mode_value * (u64)NSEC_PER_MSEC;
	queue->nr_replies = 0;
	queue->forced_replies = 0;
}

NOKPROBE_SYMBOL(hwsim_queue_reset);

/**
 * hwsim_queue_power - a queue becomes operational, or ceases to be
 * @queue: the queue
 *
 * Both times the adapter loses what it was told and what it held, so that this
 * is as good as a reset.
 *
 * Context: hwsim_lock held.
 */
void hwsim_queue_power(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	queue->reset_cleans = true;
	hwsim_queue_complete_reset(queue);
}

/**
 * hwsim_queues_gone - what left the configuration raises no interrupt any more
 *
 * What it holds, it keeps.
 *
 * Context: hwsim_lock held.
 */
void hwsim_queues_gone(void)
{
	struct hwsim_queue *queue;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(queue, &hwsim_queues, node) {
		if (!hwsim_queue_find(&hwsim, queue->apqn))
			hwsim_queue_forget(queue);
	}
}

/**
 * hwsim_adapter_configure - configure or deconfigure an adapter
 * @apid: the adapter
 * @on: configure
 *
 * Context: Takes hwsim_lock.
 * Return: 0; -ENOENT if it is not deconfigured, -EEXIST if it is already.
 */
int hwsim_adapter_configure(unsigned int apid, bool on)
{
	unsigned long flags;
	struct hwsim_queue *queue;
	int ret = 0;

	spin_lock_irqsave(&hwsim_lock, flags);
	if (test_bit_inv(apid, hwsim.deconfigured) != on) {
		ret = on ? -ENOENT : -EEXIST;
	} else {
		if (on)
			clear_bit_inv(apid, hwsim.deconfigured);
		else
			set_bit_inv(apid, hwsim.deconfigured);
		list_for_each_entry(queue, &hwsim_queues, node) {
			if (queue->apqn >> 8 == apid)
				hwsim_queue_power(queue);
		}
	}
	spin_unlock_irqrestore(&hwsim_lock, flags);
	return ret;
}

/**
 * hwsim_mask_parse - a list of ids as a mask
 * @text: decimal, ranges: 4-6,9
 * @limit: greatest id
 * @mask: set to it, in AP bit order
 *
 * Context: Any.
 * Return: 0, -EINVAL for what is no list, -ERANGE for an id above the limit.
 */
int hwsim_mask_parse(const char *text, unsigned int limit, unsigned long *mask)
{
	DECLARE_BITMAP(ids, HWSIM_IDS);
	unsigned int id;
	int ret;

	bitmap_zero(ids, HWSIM_IDS);
	ret = bitmap_parselist(text, ids, limit + 1);
	if (ret)
		return ret;
	bitmap_zero(mask, HWSIM_IDS);
	for_each_set_bit(id, ids, HWSIM_IDS)
		set_bit_inv(id, mask);
	return 0;
}

static DECLARE_BITMAP(hwsim_boot_apm, HWSIM_IDS);
static DECLARE_BITMAP(hwsim_boot_aqm, HWSIM_IDS);

static void hwsim_machine_defaults(void)
{
	bitmap_copy(hwsim.apm, hwsim_boot_apm, HWSIM_IDS);
	bitmap_copy(hwsim.aqm, hwsim_boot_aqm, HWSIM_IDS);
	bitmap_copy(hwsim.adm, hwsim_boot_aqm, HWSIM_IDS);
	bitmap_zero(hwsim.deconfigured, HWSIM_IDS);
	hwsim.no_qci = !qci;
	hwsim.reset_mode = reset_ms ? HWSIM_RESET_MS : HWSIM_RESET_POLLS;
	hwsim.reset_value = reset_ms ?: reset_polls;
}

/**
 * hwsim_machine_reset - back to the machine of the kernel command line
 *
 * What queues hold, and which reset is under way, is history and stays; a held
 * reset completes.
 *
 * Context: Takes hwsim_lock.
 */
void hwsim_machine_reset(void)
{
	DECLARE_BITMAP(off, HWSIM_IDS);
	struct hwsim_queue *queue;
	unsigned long flags;

	spin_lock_irqsave(&hwsim_lock, flags);
	bitmap_copy(off, hwsim.deconfigured, HWSIM_IDS);
	hwsim_machine_defaults();
	list_for_each_entry(queue, &hwsim_queues, node) {
		if (queue->resetting && queue->mode == HWSIM_RESET_HOLD)
			hwsim_queue_complete_reset(queue);
		if (queue->checkstop || test_bit_inv(queue->apqn >> 8, off))
			hwsim_queue_power(queue);
		queue->checkstop = false;
		queue->mode = hwsim.reset_mode;
		queue->mode_value = hwsim.reset_value;
		queue->aqic_delay = 0;
		memset(queue->responses, 0, sizeof(queue->responses));
		memset(queue->counts, 0, sizeof(queue->counts));
	}
	hwsim_queues_gone();
	spin_unlock_irqrestore(&hwsim_lock, flags);
}

/**
 * hwsim_machine_boot - set the machine up as the kernel command line says
 *
 * Context: Boot.
 * Return: 0; -EINVAL for a list or mode that is none, -ERANGE for an id or a type
 * that there cannot be, -ENOMEM.
 */
int __init hwsim_machine_boot(void)
{
	int ret;

	hwsim.mode = !strcmp(mode, "cca") ? 'D' : !strcmp(mode, "accel") ? 'A' :
		     !strcmp(mode, "ep11") ? 'X' : 0;
	if (!hwsim.mode)
		return -EINVAL;
	if (type < AP_DEVICE_TYPE_CEX4 || type > AP_DEVICE_TYPE_CEX8)
		return -ERANGE;
	hwsim.type = type;
	hwsim.apxa = apxa;
	hwsim.no_ap = !ap;
	hwsim.apid_max = apxa ? 255 : 63;
	hwsim.domain_max = apxa ? 255 : 15;
	ret = hwsim_mask_parse(boot_adapters, hwsim.apid_max, hwsim_boot_apm);
	if (!ret)
		ret = hwsim_mask_parse(boot_domains, hwsim.domain_max, hwsim_boot_aqm);
	if (ret)
		return ret;
	hwsim_machine_defaults();
	return hwsim_queues_create();
}
