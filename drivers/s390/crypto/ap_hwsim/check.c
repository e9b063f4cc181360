// SPDX-License-Identifier: GPL-2.0
/*
 * Checks that each queue has only one user at a time, and is reset before it gets another
 * user. Reports violations of these rules.
 */
#include <linux/kprobes.h>
#include <linux/string.h>

#include "ap_hwsim.h"

/**
 * hwsim_check_driver - check that no driver other than vfio_ap is bound to a guest's queue
 * @queue: a queue in the APCB of a guest
 *
 * Context: The caller holds hwsim_lock.
 */
void hwsim_check_driver(const struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (queue->driver && strcmp(queue->driver, "vfio_ap"))
		hwsim_violation(HWSIM_FOREIGN_DRIVER, "queue %02x.%04x driver %s",
				queue->apqn >> 8, queue->apqn & 0xff, queue->driver);
}

/* Check a queue that is about to be added to the recorded APCB of @guest. */
static void hwsim_check_joining(struct hwsim_queue *queue, struct hwsim_guest *guest)
{
	bool early = queue->early_gisa && queue->early_gisa == hwsim_guest_gisa(guest);
	unsigned int apid = queue->apqn >> 8, apqi = queue->apqn & 0xff;

	if (hwsim_guest_with(queue->apqn, guest))
		hwsim_violation(HWSIM_TWO_GUESTS, "queue %02x.%04x", apid, apqi);
	if ((queue->dirty && !early) || queue->resetting)
		hwsim_violation(HWSIM_NO_RESET, "queue %02x.%04x", apid, apqi);
	hwsim_check_driver(queue);
}

/**
 * hwsim_check_new_queue - check a new queue whose APQN may already be in an APCB
 * @queue: the queue
 *
 * Context: The caller holds hwsim_lock.
 */
void hwsim_check_new_queue(struct hwsim_queue *queue)
{
	struct hwsim_guest *guest;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(guest, &hwsim_guests, node) {
		if (hwsim_apcb_has(&guest->apcb, queue->apqn))
			hwsim_check_joining(queue, guest);
	}
}

/**
 * hwsim_check_new_apcb - check and record the new contents of an APCB
 * @guest: the guest
 * @apcb: the new contents
 *
 * Context: The caller holds hwsim_lock.
 */
void hwsim_check_new_apcb(struct hwsim_guest *guest, const struct hwsim_apcb *apcb)
{
	struct hwsim_queue *queue;

	lockdep_assert_held(&hwsim_lock);

	list_for_each_entry(queue, &hwsim_queues, node) {
		bool had = hwsim_apcb_has(&guest->apcb, queue->apqn);
		bool has = hwsim_apcb_has(apcb, queue->apqn);

		if (has && !had)
			hwsim_check_joining(queue, guest);
		/* hwsim_queue_power() has already reset the queues that are not operational. */
		if (had && !has && hwsim_queue_operational(&hwsim, queue)) {
			queue->dirty = true;
			queue->early_gisa = 0;
			queue->guest_data = true;
			/* The guest may have used the queue since a reset in progress began. */
			queue->reset_cleans = false;
		}
	}
	guest->apcb = *apcb;
}

/**
 * hwsim_check_host_use - check that a queue that the host uses contains no guest data
 * @queue: the queue; the host sends a request to it, or receives a reply from it
 *
 * Context: The caller holds hwsim_lock.
 */
void hwsim_check_host_use(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (queue->guest_data)
		hwsim_violation(HWSIM_HOST_NO_RESET, "queue %02x.%04x", queue->apqn >> 8,
				queue->apqn & 0xff);
	/* Report only the host's first use, to keep the list of violations short. */
	queue->guest_data = false;
}

NOKPROBE_SYMBOL(hwsim_check_host_use);

/**
 * hwsim_check_at_rest - report states that are allowed only while a change is in progress
 *
 * Context: Takes hwsim_lock.
 */
void hwsim_check_at_rest(void)
{
	struct hwsim_guest *guest;
	struct hwsim_queue *queue;
	unsigned int apid, apqi;

	guard(spinlock_irqsave)(&hwsim_lock);
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
}
