// SPDX-License-Identifier: GPL-2.0
/*
 * Delivers adapter interrupts. An interrupt for the host calls the handlers that drivers have
 * registered. An interrupt for a guest becomes pending in the guest interruption state area
 * (GISA). If KVM has requested an alert, the simulator also adds the GISA to the alert list in
 * the guest information block (GIB), and interrupts the host.
 */
#define pr_fmt(fmt) "ap_hwsim: " fmt

#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <asm/airq.h>

#include "ap_hwsim.h"

#define HWSIM_MAX_AIRQS		8

static struct airq_struct *hwsim_airqs[HWSIM_MAX_AIRQS];
static struct kvm_s390_gib *hwsim_gib;

/* irq_work calls this with interrupts disabled, as the handlers require. */
static void hwsim_airq_deliver(struct irq_work *work)
{
	struct tpi_info info = {};
	int i;

	for (i = 0; i < HWSIM_MAX_AIRQS; i++) {
		struct airq_struct *airq = READ_ONCE(hwsim_airqs[i]);

		if (airq && airq->lsi_ptr && *airq->lsi_ptr)
			airq->handler(airq, &info);
	}
}

static DEFINE_IRQ_WORK(hwsim_airq_work, hwsim_airq_deliver);

/*
 * Add a GISA to the alert list if KVM handles alerts for interruption subclass @isc.
 * Return true if KVM needs an interrupt, because the list was empty before.
 */
static bool hwsim_gib_alert(struct kvm_s390_gisa *gisa, u8 isc)
{
	u32 origin;

	if (!hwsim_gib || hwsim_gib->nisc != isc)
		return false;
	do {
		origin = READ_ONCE(hwsim_gib->alert_list_origin);
		/* While KVM handles alerts, the list ends with 1, so that KVM looks for more. */
		gisa->next_alert = origin;
	} while (cmpxchg(&hwsim_gib->alert_list_origin, origin,
			 (u32)virt_to_phys(gisa)) != origin);
	return !origin;
}

static void hwsim_gisa_post(struct kvm_s390_gisa *gisa, u8 gisc, u8 isc)
{
	u64 old, new, ipm = 0x80ULL >> gisc << 24, iam = 0x80ULL >> gisc;

	do {
		old = READ_ONCE(gisa->u64.word[0]);
		new = old | ipm;
		/* Clear the alert mask: KVM gets no more alerts until it sets the mask again. */
		if (old & iam)
			new &= ~0xffULL;
	} while (cmpxchg(&gisa->u64.word[0], old, new) != old);

	if (old & iam && hwsim_gib_alert(gisa, isc))
		irq_work_queue(&hwsim_airq_work);
}

/*
 * Return true if the queue cannot write to its NIB, because the interrupt is disabled and
 * TAPQ has shown the effects of all AQICs.
 */
static bool hwsim_irq_is_off(const struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	return !queue->irq && !queue->irq_shown && !queue->irq_unshown;
}

NOKPROBE_SYMBOL(hwsim_irq_is_off);

/**
 * hwsim_irq_check - check that a queue's interrupt cannot write to the wrong memory
 * @queue: the queue
 *
 * Context: The caller holds hwsim_lock.
 * Return: true if the interrupt is disabled, belongs to the host, or has a valid GISA and NIB.
 */
bool hwsim_irq_check(const struct hwsim_queue *queue)
{
	unsigned int apid = queue->apqn >> 8, apqi = queue->apqn & 0xff;

	lockdep_assert_held(&hwsim_lock);

	if (hwsim_irq_is_off(queue) || !queue->gisa)
		return true;
	if (!hwsim_gisa_has_guest(queue->gisa)) {
		hwsim_violation(HWSIM_FOREIGN_GISA, "queue %02x.%04x", apid, apqi);
		return false;
	}
	if (!folio_maybe_dma_pinned(page_folio(phys_to_page(queue->nib)))) {
		hwsim_violation(HWSIM_UNPINNED_NIB, "queue %02x.%04x nib %llx", apid, apqi,
				(u64)queue->nib);
		return false;
	}
	return true;
}

NOKPROBE_SYMBOL(hwsim_irq_check);

/* If the queue's interrupt is enabled, set the NIB and deliver the interrupt. */
void hwsim_irq_raise(struct hwsim_queue *queue)
{
	lockdep_assert_held(&hwsim_lock);

	if (hwsim_irq_is_off(queue))
		return;
	if (!hwsim_irq_check(queue))
		return;
	*(u8 *)phys_to_virt(queue->nib) = 1;
	if (queue->gisa)
		hwsim_gisa_post(phys_to_virt(queue->gisa), queue->gisc, queue->isc);
	else
		irq_work_queue(&hwsim_airq_work);
}

NOKPROBE_SYMBOL(hwsim_irq_raise);

static int hwsim_airq_registered(struct kprobe *probe, struct pt_regs *regs)
{
	struct airq_struct *airq = (void *)regs->gprs[2];
	int i;

	for (i = 0; i < HWSIM_MAX_AIRQS; i++) {
		if (!hwsim_airqs[i] || hwsim_airqs[i] == airq) {
			WRITE_ONCE(hwsim_airqs[i], airq);
			return 0;
		}
	}
	pr_err("too many adapter interrupt handlers\n");
	return 0;
}

static int hwsim_airq_unregistered(struct kprobe *probe, struct pt_regs *regs)
{
	int i;

	for (i = 0; i < HWSIM_MAX_AIRQS; i++) {
		if (hwsim_airqs[i] == (void *)regs->gprs[2])
			WRITE_ONCE(hwsim_airqs[i], NULL);
	}
	return 0;
}

static struct kprobe hwsim_airq_probes[] = {
	{ .symbol_name = "register_adapter_interrupt", .pre_handler = hwsim_airq_registered },
	{ .symbol_name = "unregister_adapter_interrupt", .pre_handler = hwsim_airq_unregistered },
};

static int hwsim_sgib_called(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	u32 origin = regs->gprs[2];

	hwsim_gib = origin ? phys_to_virt(origin) : NULL;
	return 0;
}

/* Report success: the machine's CHSC cannot handle the GIB, but the simulator can. */
static int hwsim_sgib_returns(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs->gprs[2] = 0;
	return 0;
}

static struct kretprobe hwsim_sgib_probe = {
	.kp.symbol_name = "chsc_sgib",
	.entry_handler = hwsim_sgib_called,
	.handler = hwsim_sgib_returns,
};

/**
 * hwsim_irq_init - register probes that record the interrupt handlers and the GIB
 *
 * Context: During boot, before the first driver registers an adapter interrupt handler.
 * Return: 0, or an errno from register_kprobe() or register_kretprobe().
 */
int __init hwsim_irq_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(hwsim_airq_probes); i++) {
		ret = register_kprobe(&hwsim_airq_probes[i]);
		if (ret)
			return ret;
	}
	return register_kretprobe(&hwsim_sgib_probe);
}
