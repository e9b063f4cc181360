// SPDX-License-Identifier: GPL-2.0
/*
 * Executes NQAP, DQAP and PQAP for the host (trap.c) and for guests (sie.c). A guest can
 * use only the queues in its APCB. hwsim_machine_execute() takes the machine as an argument,
 * so that each KUnit test can use its own machine.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/facility.h>

#include "ap_hwsim.h"

#define PGM_OPERATION		0x01
#define PGM_SPECIFICATION	0x06

#define HWSIM_RC_NORMAL		0x00
#define HWSIM_RC_NOT_AVAILABLE	0x01
#define HWSIM_RC_RESETTING	0x02
#define HWSIM_RC_DECONFIGURED	0x03
#define HWSIM_RC_CHECKSTOP	0x04
#define HWSIM_RC_INVALID_NIB	0x06
#define HWSIM_RC_NO_CHANGE	0x07
#define HWSIM_RC_INVALID_GISA	0x08
#define HWSIM_RC_FULL_OR_EMPTY	0x10
#define HWSIM_RC_BIND_ERROR	0x30
#define HWSIM_RC_NO_ASSOCIATION	0x31
#define HWSIM_RC_NOT_UNIQUE	0x35
#define HWSIM_RC_FAILED		0x36

#define HWSIM_MSG_MAX		(12 * 1024)
#define HWSIM_QUEUE_DEPTH	8

/* Bits in general register 0. */
#define GR0_T			BIT(23)
#define GR0_F			BIT(22)
#define GR0_RESERVED		GENMASK(21, 16)
#define GR0_NO_APXA		0x0000c0f0UL

union hwsim_status {
	u32 word;
	struct ap_queue_status status;
};

static bool hwsim_view_has(const struct hwsim_view *view, u16 apqn)
{
	return !view->apcb || hwsim_apcb_has(view->apcb, apqn);
}

/* Return the response code that any function returns in the queue's current state. */
static u8 hwsim_queue_state(const struct hwsim_machine *machine, struct hwsim_queue *queue)
{
	if (test_bit_inv(queue->apqn >> 8, machine->deconfigured))
		return HWSIM_RC_DECONFIGURED;
	if (queue->checkstop)
		return HWSIM_RC_CHECKSTOP;
	hwsim_queue_settle(queue);
	if (queue->resetting)
		return HWSIM_RC_RESETTING;
	return HWSIM_RC_NORMAL;
}

/* Set @rc to the response code that a test injected. Return false if none was injected. */
static bool hwsim_response_injected(struct hwsim_queue *queue, enum hwsim_function function, u8 *rc)
{
	struct hwsim_response *response = &queue->responses[function];

	if (!response->count)
		return false;
	if (response->count > 0)
		response->count--;
	*rc = response->code;
	return true;
}

/*
 * Put the queue into the state that an injected response code reports. For example, a queue
 * that returns 03 or 04 has lost its contents, so a driver does not reset it.
 */
static void hwsim_response_apply(struct hwsim_queue *queue, u8 rc)
{
	switch (rc) {
	case HWSIM_RC_NOT_AVAILABLE:
		hwsim_queue_forget(queue);
		break;
	case HWSIM_RC_DECONFIGURED:
	case HWSIM_RC_CHECKSTOP:
		hwsim_queue_power(queue);
		break;
	}
}

static u32 hwsim_status_word(const struct hwsim_queue *queue, u8 rc)
{
	union hwsim_status status = {};

	status.status.response_code = rc;
	if (queue) {
		unsigned int replies = queue->nr_replies + queue->forced_replies;

		status.status.async = rc && rc == queue->async_rc;
		status.status.queue_empty = !replies;
		status.status.replies_waiting = !!replies;
		status.status.queue_full = queue->nr_replies >= HWSIM_QUEUE_DEPTH;
		status.status.irq_enabled = queue->irq_shown;
	}
	return status.word;
}

/* Only protected guests get the bind state. */
static u64 hwsim_tapq_bind_state(const struct hwsim_queue *queue)
{
	struct ap_tapq_hwinfo info = {};

	info.bs = queue->associated ? AP_BS_Q_USABLE :
		  queue->bound ? AP_BS_Q_USABLE_NO_SECURE_KEY : AP_BS_Q_AVAIL_FOR_BINDING;
	return info.value;
}

static u64 hwsim_tapq_info(const struct hwsim_machine *machine)
{
	u64 info = 0;

	/* Facility bits: APSC, 4096-bit RSA (two bits), mode, APXA. */
	info |= 1ULL << 63 | 1ULL << 62 | 1ULL << 61;
	info |= machine->mode == 'D' ? 1ULL << 60 : machine->mode == 'A' ? 1ULL << 59 : 1ULL << 58;
	if (machine->apxa)
		info |= 1ULL << 57;
	info |= (u64)machine->type << 24;
	info |= (u64)machine->domain_max << 16;
	/* The queue depth is encoded as depth - 1. A maximum message size of 0 means 12 KiB. */
	info |= HWSIM_QUEUE_DEPTH - 1;
	return info;
}

static int hwsim_qci(const struct hwsim_machine *machine, u64 gr[16],
		     const struct hwsim_view *view)
{
	struct ap_config_info config = {};
	struct hwsim_apcb masks;

	if (gr[2] & 7)
		return -PGM_SPECIFICATION;
	bitmap_copy(masks.apm, machine->apm, HWSIM_IDS);
	bitmap_copy(masks.aqm, machine->aqm, HWSIM_IDS);
	bitmap_copy(masks.adm, machine->adm, HWSIM_IDS);
	if (view->apcb) {
		bitmap_and(masks.apm, masks.apm, view->apcb->apm, HWSIM_IDS);
		bitmap_and(masks.aqm, masks.aqm, view->apcb->aqm, HWSIM_IDS);
		bitmap_and(masks.adm, masks.adm, view->apcb->adm, HWSIM_IDS);
	}
	config.apsc = 1;
	config.apxa = machine->apxa;
	config.qact = 1;
	config.na = machine->apxa ? machine->apid_max : 0;
	config.nd = machine->apxa ? machine->domain_max : 0;
	memcpy(config.apm, masks.apm, sizeof(config.apm));
	memcpy(config.aqm, masks.aqm, sizeof(config.aqm));
	memcpy(config.adm, masks.adm, sizeof(config.adm));
	return view->write(view->ctx, gr[2], &config, sizeof(config));
}

NOKPROBE_SYMBOL(hwsim_qci);

static u8 hwsim_aqic(struct hwsim_queue *queue, u64 gr[16])
{
	union {
		u64 value;
		union ap_qirq_ctrl control;
	} gr1 = { .value = gr[1] };

	if (gr1.control.ir == queue->irq)
		return HWSIM_RC_NO_CHANGE;
	if (gr1.control.ir) {
		if (!gr[2] || !pfn_valid(gr[2] >> PAGE_SHIFT))
			return HWSIM_RC_INVALID_NIB;
		if (gr1.control.gisa && !pfn_valid((u64)gr1.control.gisa << 4 >> PAGE_SHIFT))
			return HWSIM_RC_INVALID_GISA;
		queue->nib = gr[2];
		queue->isc = gr1.control.isc;
		queue->gisc = gr1.control.gisc;
		queue->gisa = (u64)gr1.control.gisa << 4;
	}
	/* An enabled interrupt makes the queue dirty: the adapter knows its user's NIB address. */
	if (gr1.control.ir) {
		if (!queue->dirty)
			queue->early_gisa = queue->gisa;
		else if (queue->early_gisa != queue->gisa)
			queue->early_gisa = 0;
		queue->dirty = true;
	}
	queue->irq_unshown = queue->irq && !queue->irq_shown;
	queue->irq = gr1.control.ir;
	queue->irq_delay = queue->aqic_delay;
	if (!queue->irq_delay) {
		queue->irq_shown = queue->irq;
		queue->irq_unshown = false;
	}
	return HWSIM_RC_NORMAL;
}

static u8 hwsim_bapq(struct hwsim_queue *queue)
{
	if (queue->bound)
		return HWSIM_RC_BIND_ERROR;
	queue->bound = true;
	queue->dirty = true;
	queue->early_gisa = 0;
	return HWSIM_RC_NORMAL;
}

/* The guest may use any index, because the simulated ultravisor has no secrets. */
static u8 hwsim_aapq(struct hwsim_queue *queue)
{
	if (!queue->bound || queue->associated)
		return HWSIM_RC_NO_ASSOCIATION;
	queue->associated = true;
	return HWSIM_RC_NORMAL;
}

/* An association fails after AAPQ has been accepted. */
static bool hwsim_response_is_async(enum hwsim_function function, u8 rc)
{
	return function == HWSIM_AAPQ && (rc == HWSIM_RC_NOT_UNIQUE || rc == HWSIM_RC_FAILED);
}

static u8 hwsim_pqap_queue(struct hwsim_machine *machine, enum hwsim_function function,
			   struct hwsim_queue *queue, u64 gr[16], const struct hwsim_view *view)
{
	u8 rc;

	/* Count every PQAP, so that a reset completes even if the driver only repeats ZAPQ. */
	hwsim_queue_polled(queue);
	if (function == HWSIM_TAPQ && gr[0] & GR0_T)
		gr[2] = hwsim_tapq_info(machine) |
			(view->is_protected ? hwsim_tapq_bind_state(queue) : 0);
	if (hwsim_response_injected(queue, function, &rc) && rc) {
		if (hwsim_response_is_async(function, rc)) {
			queue->async_rc = rc;
			return HWSIM_RC_NORMAL;
		}
		if (function != HWSIM_AQIC)
			hwsim_response_apply(queue, rc);
		return rc;
	}
	rc = hwsim_queue_state(machine, queue);
	if (rc)
		return rc;

	switch (function) {
	case HWSIM_RAPQ:
	case HWSIM_ZAPQ:
		/* A reset by the host ends the binding, as a reset with the F bit does. */
		hwsim_queue_reset(queue, function == HWSIM_ZAPQ, !view->apcb || gr[0] & GR0_F);
		return HWSIM_RC_NORMAL;
	default:
		break;
	}
	if (queue->async_rc)
		return queue->async_rc;

	switch (function) {
	case HWSIM_AQIC:
		return hwsim_aqic(queue, gr);
	case HWSIM_QACT:
		gr[2] = (u64)machine->type << 24 | (gr[1] & (7ULL << 58));
		break;
	case HWSIM_BAPQ:
		return hwsim_bapq(queue);
	case HWSIM_AAPQ:
		return hwsim_aapq(queue);
	default:
		break;
	}
	return HWSIM_RC_NORMAL;
}

NOKPROBE_SYMBOL(hwsim_pqap_queue);

static bool hwsim_function_installed(unsigned int function, const struct hwsim_view *view)
{
	if (function == HWSIM_BAPQ || function == HWSIM_AAPQ)
		return view->is_protected;
	return function <= HWSIM_QACT;
}

static int hwsim_pqap(struct hwsim_machine *machine, u64 gr[16], const struct hwsim_view *view)
{
	unsigned int function = gr[0] >> 24 & 0xff;
	struct hwsim_queue *queue;
	u16 apqn = gr[0];
	u8 rc = HWSIM_RC_NOT_AVAILABLE;

	if (!hwsim_function_installed(function, view) || gr[0] & GR0_RESERVED)
		return -PGM_SPECIFICATION;
	if (function == HWSIM_QCI)
		return machine->no_qci ? -PGM_SPECIFICATION : hwsim_qci(machine, gr, view);
	if (gr[0] & GR0_T && function != HWSIM_TAPQ)
		return -PGM_SPECIFICATION;
	if (gr[0] & GR0_F && function != HWSIM_RAPQ && function != HWSIM_ZAPQ &&
	    function != HWSIM_QACT)
		return -PGM_SPECIFICATION;
	if (!machine->apxa && gr[0] & GR0_NO_APXA)
		return -PGM_SPECIFICATION;

	queue = hwsim_view_has(view, apqn) ? hwsim_queue_find(machine, apqn) : NULL;
	/* Also count PQAPs from the host for a queue that has left the configuration. */
	if (machine->queues[apqn] && (queue || !view->apcb))
		machine->queues[apqn]->counts[function]++;
	if (queue)
		rc = hwsim_pqap_queue(machine, function, queue, gr, view);
	gr[1] = (gr[1] & ~0xffffffffULL) | hwsim_status_word(queue, rc);
	return rc ? 3 : 0;
}

NOKPROBE_SYMBOL(hwsim_pqap);

static int hwsim_nqap(struct hwsim_machine *machine, u64 gr[16], u8 r1, u8 r2,
		      const struct hwsim_view *view)
{
	struct hwsim_queue *queue;
	u16 apqn = gr[0];
	u8 rc = HWSIM_RC_NOT_AVAILABLE;
	u8 message[64];
	u64 pos, part;
	int ret;

	/* Bits 32, 34, 35 and 40 of general register 0 must be 0. */
	if (r1 & 1 || r2 & 1 || !gr[r2 + 1] || gr[0] & 0xb0800000UL)
		return -PGM_SPECIFICATION;
	if (gr[r2 + 1] > HWSIM_MSG_MAX)
		return -PGM_SPECIFICATION;
	if (!machine->apxa && gr[0] & GR0_NO_APXA)
		return -PGM_SPECIFICATION;

	queue = hwsim_view_has(view, apqn) ? hwsim_queue_find(machine, apqn) : NULL;
	if (queue) {
		if (!hwsim_response_injected(queue, HWSIM_FN_NQAP, &rc) || !rc)
			rc = hwsim_queue_state(machine, queue) ?: queue->async_rc;
		if (!rc && queue->nr_replies >= HWSIM_QUEUE_DEPTH)
			rc = HWSIM_RC_FULL_OR_EMPTY;
	}
	/* Read the whole message, as an adapter does, to detect missing pages. */
	for (pos = 0; !rc && pos < gr[r2 + 1]; pos += part) {
		part = min_t(u64, gr[r2 + 1] - pos, sizeof(message));
		ret = view->read(view->ctx, gr[r2] + pos, message, part);
		if (ret)
			return ret;
	}
	/* Count NQAP only here, because a missing page nullifies the instruction. */
	if (queue)
		queue->counts[HWSIM_FN_NQAP]++;
	if (!rc) {
		if (!view->apcb)
			hwsim_check_host_use(queue);
		queue->dirty = true;
		queue->early_gisa = 0;
		queue->guest_data |= !!view->apcb;
		queue->replies[queue->nr_replies++] = gr[r1] << 32 | (gr[r1 + 1] & 0xffffffff);
		gr[r2] += gr[r2 + 1];
		gr[r2 + 1] = 0;
		hwsim_irq_raise(queue);
	}
	gr[1] = (gr[1] & ~0xffffffffULL) | hwsim_status_word(queue, rc);
	return rc ? 3 : 0;
}

NOKPROBE_SYMBOL(hwsim_nqap);

/*
 * DQAP returns the same reply to every request: an error reply (type 82) with reply code 82,
 * operand invalid. It does not depend on a key, and does not make zcrypt disable the queue.
 */
static int hwsim_dqap(struct hwsim_machine *machine, u64 gr[16], u8 r1, u8 r2,
		      const struct hwsim_view *view)
{
	static const u8 reply[8] = { 0x00, 0x82, 0x00, 0x00, 0x82 };
	struct hwsim_queue *queue;
	u16 apqn = gr[0];
	u8 rc = HWSIM_RC_NOT_AVAILABLE;
	int ret;

	/* Bits 33, 34, 35, 40 and 41 of general register 0 must be 0. */
	if (r1 & 1 || r2 & 1 || !gr[r2 + 1] || gr[0] & 0x70c00000UL)
		return -PGM_SPECIFICATION;
	if (gr[r2 + 1] < sizeof(reply))
		return -PGM_SPECIFICATION;
	if (!machine->apxa && gr[0] & GR0_NO_APXA)
		return -PGM_SPECIFICATION;

	queue = hwsim_view_has(view, apqn) ? hwsim_queue_find(machine, apqn) : NULL;
	if (queue) {
		if (!hwsim_response_injected(queue, HWSIM_FN_DQAP, &rc) || !rc)
			rc = hwsim_queue_state(machine, queue) ?: queue->async_rc;
		if (!rc && !queue->nr_replies)
			rc = HWSIM_RC_FULL_OR_EMPTY;
	}
	if (!rc) {
		/* The reply may contain a guest's data. */
		if (!view->apcb)
			hwsim_check_host_use(queue);
		ret = view->write(view->ctx, gr[r2], reply, sizeof(reply));
		if (ret)
			return ret;
		gr[r1] = queue->replies[0] >> 32;
		gr[r1 + 1] = queue->replies[0] & 0xffffffff;
		memmove(queue->replies, queue->replies + 1,
			--queue->nr_replies * sizeof(queue->replies[0]));
		gr[r2] += sizeof(reply);
		gr[r2 + 1] -= sizeof(reply);
		gr[2] = 0;
	}
	if (queue)
		queue->counts[HWSIM_FN_DQAP]++;
	gr[1] = (gr[1] & ~0xffffffffULL) | hwsim_status_word(queue, rc);
	return rc ? 3 : 0;
}

NOKPROBE_SYMBOL(hwsim_dqap);

/**
 * hwsim_machine_execute - execute an AP instruction on a machine
 * @machine: the machine
 * @op: the operation code
 * @gr: general registers, which the instruction may change
 * @r1: first register field of the instruction
 * @r2: second register field of the instruction
 * @view: queues and storage that the instruction can access
 *
 * Context: The caller holds hwsim_lock, so the callbacks of @view must not sleep.
 * Return:
 * * 0 to 3	- the condition code
 * * < 0	- a negated program interruption code, or an errno from a callback
 */
int hwsim_machine_execute(struct hwsim_machine *machine, enum hwsim_ap_opcode op, u64 gr[16],
			  u8 r1, u8 r2, const struct hwsim_view *view)
{
	lockdep_assert_held(&hwsim_lock);

	switch (op) {
	case HWSIM_PQAP:
		return hwsim_pqap(machine, gr, view);
	case HWSIM_NQAP:
		return hwsim_nqap(machine, gr, r1, r2, view);
	case HWSIM_DQAP:
		return hwsim_dqap(machine, gr, r1, r2, view);
	default:
		return -PGM_OPERATION;
	}
}

NOKPROBE_SYMBOL(hwsim_machine_execute);

/* Call hwsim_machine_execute() for the machine that this kernel simulates. */
int hwsim_ap_execute(enum hwsim_ap_opcode op, u64 gr[16], u8 r1, u8 r2,
		     const struct hwsim_view *view)
{
	guard(spinlock_irqsave)(&hwsim_lock);
	return hwsim_machine_execute(&hwsim, op, gr, r1, r2, view);
}

NOKPROBE_SYMBOL(hwsim_ap_execute);
