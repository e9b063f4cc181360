// SPDX-License-Identifier: GPL-2.0
/*
 * Changes to the simulated machine that firmware, an operator or an LPAR
 * administrator can make on a real machine.
 */
#include <linux/init.h>
#include <linux/slab.h>

#include "ap_hwsim.h"

static int hwsim_config_create_queue(u16 apqn)
{
	struct hwsim_queue *queue = kzalloc_obj(*queue, GFP_KERNEL);

	if (!queue)
		return -ENOMEM;
	queue->apqn = apqn;
	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		/* A concurrent write to debugfs may have created the queue. */
		if (!hwsim.queues[apqn]) {
			queue->mode = hwsim.reset_mode;
			queue->mode_value = hwsim.reset_value;
			hwsim.queues[apqn] = queue;
			list_add_tail(&queue->node, &hwsim_queues);
			hwsim_check_new_queue(queue);
			queue = NULL;
		}
	}
	kfree(queue);
	return 0;
}

static int hwsim_config_create_queues(void)
{
	unsigned int apid, apqi;
	int ret;

	for_each_set_bit_inv(apid, hwsim.apm, HWSIM_IDS) {
		for_each_set_bit_inv(apqi, hwsim.aqm, HWSIM_IDS) {
			u16 apqn = apid << 8 | apqi;

			if (hwsim.queues[apqn])
				continue;
			ret = hwsim_config_create_queue(apqn);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* Disable the interrupts of queues that left the configuration. These queues stay dirty. */
static void hwsim_config_forget_removed(void)
{
	struct hwsim_queue *queue;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(queue, &hwsim_queues, node) {
		if (!hwsim_queue_find(&hwsim, queue->apqn))
			hwsim_queue_forget(queue);
	}
}

/**
 * hwsim_config_change - add or remove an adapter, usage domain or control domain
 * @mask: the mask to change: hwsim.apm, hwsim.aqm or hwsim.adm
 * @id: the adapter or domain
 * @add: true to add @id, false to remove it
 *
 * Context: May sleep. Takes hwsim_lock.
 * Return:
 * * 0		- success
 * * -EEXIST	- @add is true, but @id is already in @mask
 * * -ENOENT	- @add is false, but @id is not in @mask
 * * -ENOMEM	- the mask has changed, but not all queues could be created
 */
int hwsim_config_change(unsigned long *mask, unsigned int id, bool add)
{
	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		if (test_bit_inv(id, mask) == add)
			return add ? -EEXIST : -ENOENT;
		if (add)
			set_bit_inv(id, mask);
		else
			clear_bit_inv(id, mask);
		hwsim_config_forget_removed();
	}
	return hwsim_config_create_queues();
}

/**
 * hwsim_config_adapter - configure or deconfigure an adapter
 * @apid: the adapter
 * @on: true to configure, false to deconfigure
 *
 * Context: Takes hwsim_lock.
 * Return:
 * * 0		- success
 * * -ENOENT	- @on is true, but the adapter is not deconfigured
 * * -EEXIST	- @on is false, but the adapter is already deconfigured
 */
int hwsim_config_adapter(unsigned int apid, bool on)
{
	struct hwsim_queue *queue;

	guard(spinlock_irqsave)(&hwsim_lock);
	if (test_bit_inv(apid, hwsim.deconfigured) != on)
		return on ? -ENOENT : -EEXIST;
	if (on)
		clear_bit_inv(apid, hwsim.deconfigured);
	else
		set_bit_inv(apid, hwsim.deconfigured);
	list_for_each_entry(queue, &hwsim_queues, node) {
		if (queue->apqn >> 8 == apid)
			hwsim_queue_power(queue);
	}
	return 0;
}

/**
 * hwsim_config_reset - restore the configuration from the kernel command line
 *
 * This completes held resets, and makes deconfigured and checkstopped queues operational.
 * Other queues keep their contents, and their resets continue.
 *
 * Context: Takes hwsim_lock.
 */
void hwsim_config_reset(void)
{
	DECLARE_BITMAP(off, HWSIM_IDS);
	struct hwsim_queue *queue;

	guard(spinlock_irqsave)(&hwsim_lock);
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
	hwsim_config_forget_removed();
}

/**
 * hwsim_config_boot - set up the machine that the kernel command line describes
 *
 * Return: 0, -ENOMEM, or an errno from hwsim_machine_init().
 */
int __init hwsim_config_boot(void)
{
	int ret = hwsim_machine_init();

	if (ret)
		return ret;
	hwsim_machine_defaults();
	return hwsim_config_create_queues();
}
