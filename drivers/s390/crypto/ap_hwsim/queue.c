// SPDX-License-Identifier: GPL-2.0
/*
 * Changes to a queue's state: resets, the effects of AQIC, deconfiguration, and checkstops.
 */
#include <linux/kprobes.h>
#include <linux/timekeeping.h>

#include "ap_hwsim.h"

/**
 * hwsim_queue_operational - test whether a queue is operational
 * @machine: the machine
 * @queue: the queue
 *
 * Context: The caller holds hwsim_lock.
 * Return: false if the queue is checkstopped or its adapter is deconfigured.
 */
bool hwsim_queue_operational(const struct hwsim_machine *machine,
			     const struct hwsim_queue *queue)
{
	return !queue->checkstop && !test_bit_inv(queue->apqn >> 8, machine->deconfigured);
}

NOKPROBE_SYMBOL(hwsim_queue_operational);

/* Disable a queue's interrupt, and discard its pending replies and a failed association. */
void hwsim_queue_forget(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	queue->irq = false;
	queue->irq_shown = false;
	queue->irq_unshown = false;
	queue->async_rc = 0;
	queue->nib = 0;
	queue->gisa = 0;
	queue->nr_replies = 0;
	queue->forced_replies = 0;
}

NOKPROBE_SYMBOL(hwsim_queue_forget);

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

/* Complete a reset in mode HWSIM_RESET_MS if its time has passed. */
void hwsim_queue_settle(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (queue->resetting && queue->mode == HWSIM_RESET_MS &&
	    ktime_get_mono_fast_ns() >= queue->reset_until)
		hwsim_queue_complete_reset(queue);
}

NOKPROBE_SYMBOL(hwsim_queue_settle);

/**
 * hwsim_queue_polled - count a PQAP towards the completion of a reset and of an AQIC
 * @queue: the queue for which a PQAP is being executed
 *
 * Context: The caller holds hwsim_lock.
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
 * @zeroize: true for ZAPQ, false for RAPQ
 * @unbind: true to end the binding to a protected guest
 *
 * The queue may write to its notification indicator byte until the reset is complete.
 *
 * Context: The caller holds hwsim_lock.
 */
void hwsim_queue_reset(struct hwsim_queue *queue, bool zeroize, bool unbind)
{
	lockdep_assert_held(&hwsim_lock);

	queue->resetting = true;
	queue->reset_cleans = zeroize && !hwsim_guest_with(queue->apqn, NULL);
	queue->polls_left = queue->mode == HWSIM_RESET_POLLS ? queue->mode_value : 0;
	queue->reset_until = ktime_get_mono_fast_ns() + queue->mode_value * (u64)NSEC_PER_MSEC;
	queue->nr_replies = 0;
	queue->forced_replies = 0;
	queue->async_rc = 0;
	if (unbind) {
		queue->bound = false;
		queue->associated = false;
	}
}

NOKPROBE_SYMBOL(hwsim_queue_reset);

/**
 * hwsim_queue_power - reset a queue that starts or stops being operational
 * @queue: the queue
 *
 * An adapter loses the contents of its queues at both transitions. Therefore, each
 * transition counts as a complete ZAPQ.
 *
 * Context: The caller holds hwsim_lock.
 */
void hwsim_queue_power(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	queue->reset_cleans = true;
	queue->bound = false;
	queue->associated = false;
	hwsim_queue_complete_reset(queue);
}
