// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the AP instructions. Each test starts with a new machine, which has
 * adapters 4 and 5 and domains 6 and 7.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "ap_hwsim.h"

#define SPECIFICATION	(-6)

#define FUNCTION(code)	((u64)(code) << 24)
#define TAPQ		FUNCTION(0)
#define RAPQ		FUNCTION(1)
#define ZAPQ		FUNCTION(2)
#define AQIC		FUNCTION(3)
#define QCI		FUNCTION(4)
#define QACT		FUNCTION(5)
#define BAPQ		FUNCTION(7)
#define AAPQ		FUNCTION(8)
#define T_BIT		BIT(23)
#define F_BIT		BIT(22)
#define NQAP_LAST	0x40000000UL
#define DQAP_FIRST	0x80000000UL

#define IR_BIT		BIT_ULL(47)

/* Fields of the status word, which is in the right half of general register 1. */
#define EMPTY		0x80000000U
#define REPLIES		0x40000000U
#define FULL		0x20000000U
#define ASYNC		0x02000000U
#define IRQ		0x01000000U
#define RC(code)	((u32)(code) << 16)

struct insn_test {
	struct hwsim_machine *machine;
	struct hwsim_view host;
	struct hwsim_view guest;
	struct hwsim_apcb apcb;
	u64 gr[16];
	u8 *storage;
};

static int test_read(void *ctx, u64 addr, void *buf, size_t len)
{
	memcpy(buf, (void *)addr, len);
	return 0;
}

static int test_write(void *ctx, u64 addr, const void *buf, size_t len)
{
	memcpy((void *)addr, buf, len);
	return 0;
}

static int test_missing_page(void *ctx, u64 addr, const void *buf, size_t len)
{
	return -EFAULT;
}

static void add_queue(struct kunit *test, u16 apqn)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, queue);
	queue->apqn = apqn;
	queue->mode = HWSIM_RESET_POLLS;
	it->machine->queues[apqn] = queue;
	set_bit_inv(apqn >> 8, it->machine->apm);
	set_bit_inv(apqn & 0xff, it->machine->aqm);
}

static int insn_test_init(struct kunit *test)
{
	struct insn_test *it = kunit_kzalloc(test, sizeof(*it), GFP_KERNEL);
	unsigned int apid, apqi;

	if (!it)
		return -ENOMEM;
	test->priv = it;
	it->storage = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	it->machine = kvzalloc_obj(*it->machine, GFP_KERNEL);
	if (!it->machine || !it->storage)
		return -ENOMEM;
	it->machine->apxa = true;
	it->machine->type = 13;
	it->machine->mode = 'D';
	it->machine->apid_max = 255;
	it->machine->domain_max = 255;
	for (apid = 4; apid <= 5; apid++)
		for (apqi = 6; apqi <= 7; apqi++)
			add_queue(test, apid << 8 | apqi);
	it->host.read = test_read;
	it->host.write = test_write;
	it->guest = it->host;
	it->guest.apcb = &it->apcb;
	return 0;
}

static void insn_test_exit(struct kunit *test)
{
	struct insn_test *it = test->priv;

	if (it)
		kvfree(it->machine);
}

static int execute(struct insn_test *it, enum hwsim_ap_opcode op, u8 r1, u8 r2,
		   const struct hwsim_view *view)
{
	guard(spinlock_irqsave)(&hwsim_lock);
	return hwsim_machine_execute(it->machine, op, it->gr, r1, r2, view);
}

static int pqap(struct insn_test *it, u64 gr0)
{
	it->gr[0] = gr0;
	it->gr[1] = 0xaaaaaaaa00000000ULL | (it->gr[1] & 0xffffffff);
	return execute(it, HWSIM_PQAP, 0, 0, &it->host);
}

static u32 status(const struct insn_test *it)
{
	return it->gr[1];
}

/* Expect a status word, and condition code 0 if its response code is 00, or 3 otherwise. */
#define EXPECT_PQAP(it, gr0, want) do {							\
	struct insn_test *_it = it;							\
	u32 _want = want;								\
											\
	KUNIT_EXPECT_EQ(test, pqap(_it, gr0), _want & 0xff0000 ? 3 : 0);		\
	KUNIT_EXPECT_EQ(test, status(_it), _want);					\
} while (0)

static void tapq_response_codes(struct kunit *test)
{
	struct insn_test *it = test->priv;

	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, it->gr[1] >> 32, 0xaaaaaaaaULL);
	/* The machine has neither domain 8 nor adapter 6. */
	EXPECT_PQAP(it, TAPQ | 0x0408, RC(0x01));
	EXPECT_PQAP(it, TAPQ | 0x0606, RC(0x01));
	it->machine->queues[0x0406]->checkstop = true;
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x04));
	set_bit_inv(4, it->machine->deconfigured);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x03));
	EXPECT_PQAP(it, TAPQ | 0x0506, EMPTY);
}

static void tapq_t_bit_info(struct kunit *test)
{
	static const struct {
		u8 mode;
		u64 facility;
	} modes[] = {
		{ 'D', 1ULL << 60 }, { 'A', 1ULL << 59 }, { 'X', 1ULL << 58 },
	};
	struct insn_test *it = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		it->machine->mode = modes[i].mode;
		EXPECT_PQAP(it, TAPQ | T_BIT | 0x0406, EMPTY);
		KUNIT_EXPECT_EQ(test, it->gr[2] & 7ULL << 58, modes[i].facility);
		KUNIT_EXPECT_EQ(test, it->gr[2] >> 24 & 0xff, 13ULL);
		KUNIT_EXPECT_EQ(test, it->gr[2] >> 16 & 0xff, 255ULL);
		KUNIT_EXPECT_TRUE(test, it->gr[2] & 1ULL << 57);
	}
	/* TAPQ without the T bit does not change general register 2. */
	it->gr[2] = 0x1234;
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, it->gr[2], 0x1234ULL);
}

static void pqap_reserved_bits(struct kunit *test)
{
	struct insn_test *it = test->priv;
	unsigned int bit;

	for (bit = 16; bit <= 21; bit++)
		KUNIT_EXPECT_EQ(test, pqap(it, TAPQ | BIT(bit) | 0x0406), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, RAPQ | T_BIT | 0x0406), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, AQIC | F_BIT | 0x0406), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, 42UL << 24 | 0x0406), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, 6UL << 24 | 0x0406), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, BAPQ | 0x0406), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, AAPQ | 0x0406), SPECIFICATION);
	EXPECT_PQAP(it, RAPQ | F_BIT | 0x0406, EMPTY);
}

static void ids_without_apxa(struct kunit *test)
{
	struct insn_test *it = test->priv;

	add_queue(test, 0x3f0f);
	it->machine->apxa = false;
	EXPECT_PQAP(it, TAPQ | 0x3f0f, EMPTY);
	KUNIT_EXPECT_EQ(test, pqap(it, TAPQ | 0x4006), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, TAPQ | 0x0410), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, pqap(it, ZAPQ | 0x8000), SPECIFICATION);
}

static void ids_with_apxa(struct kunit *test)
{
	struct insn_test *it = test->priv;

	EXPECT_PQAP(it, TAPQ | 0xffff, RC(0x01));
	add_queue(test, 0xffff);
	EXPECT_PQAP(it, TAPQ | 0xffff, EMPTY);
	add_queue(test, 0x0000);
	EXPECT_PQAP(it, TAPQ | 0x0000, EMPTY);
}

static void reset_poll_count(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = it->machine->queues[0x0406];

	/* The reset takes four more PQAPs. Every function counts. */
	queue->mode_value = 4;
	queue->dirty = true;
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
	EXPECT_PQAP(it, RAPQ | 0x0406, EMPTY | RC(0x02));
	EXPECT_PQAP(it, AQIC | 0x0406, EMPTY | RC(0x02));
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x02));
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x02));
	KUNIT_EXPECT_TRUE(test, queue->dirty);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_FALSE(test, queue->dirty);
	KUNIT_EXPECT_EQ(test, queue->counts[HWSIM_TAPQ], 3UL);
	KUNIT_EXPECT_EQ(test, queue->counts[HWSIM_RAPQ], 1UL);
	KUNIT_EXPECT_EQ(test, queue->counts[HWSIM_ZAPQ], 1UL);
	/* The reset does not affect other queues. */
	EXPECT_PQAP(it, TAPQ | 0x0407, EMPTY);
}

/* RAPQ, unlike ZAPQ, does not erase the data of the queue's user. */
static void rapq_without_zeroize(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = it->machine->queues[0x0406];

	queue->mode_value = 0;
	queue->dirty = true;
	EXPECT_PQAP(it, RAPQ | 0x0406, EMPTY);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_TRUE(test, queue->dirty);
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_FALSE(test, queue->dirty);
}

static void held_reset_completion(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = it->machine->queues[0x0406];
	unsigned int i;

	queue->mode = HWSIM_RESET_HOLD;
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
	for (i = 0; i < 100; i++)
		EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x02));
	scoped_guard(spinlock_irqsave, &hwsim_lock)
		hwsim_queue_complete_reset(queue);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
}

static void timed_reset(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = it->machine->queues[0x0406];

	queue->mode = HWSIM_RESET_MS;
	queue->mode_value = 3600 * 1000;
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x02));
	/* ZAPQ, like every other PQAP, completes a reset whose time has passed. */
	queue->reset_until = ktime_get_mono_fast_ns();
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
}

static void injected_response_count(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = it->machine->queues[0x0406];

	queue->responses[HWSIM_ZAPQ] = (struct hwsim_response){ .code = 0x05, .count = 2 };
	queue->responses[HWSIM_TAPQ] = (struct hwsim_response){ .code = 0x0a, .count = -1 };
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY | RC(0x05));
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY | RC(0x05));
	KUNIT_EXPECT_FALSE(test, queue->resetting);
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_TRUE(test, queue->resetting);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x0a));
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | RC(0x0a));
	queue->responses[HWSIM_TAPQ].count = 0;
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
}

static int aqic(struct insn_test *it, bool enable, u64 nib)
{
	it->gr[0] = AQIC | 0x0406;
	it->gr[1] = enable ? IR_BIT : 0;
	it->gr[2] = nib;
	return execute(it, HWSIM_PQAP, 0, 0, &it->host);
}

#define EXPECT_AQIC(it, enable, nib, want) do {						\
	struct insn_test *_it = it;							\
	u32 _want = want;								\
											\
	KUNIT_EXPECT_EQ(test, aqic(_it, enable, nib), _want & 0xff0000 ? 3 : 0);	\
	KUNIT_EXPECT_EQ(test, status(_it), _want);					\
} while (0)

static void aqic_enable_and_disable(struct kunit *test)
{
	struct insn_test *it = test->priv;
	u64 nib = virt_to_phys(it->storage);

	EXPECT_AQIC(it, false, 0, EMPTY | RC(0x07));
	EXPECT_AQIC(it, true, 0, EMPTY | RC(0x06));
	EXPECT_AQIC(it, true, ~0xfffULL, EMPTY | RC(0x06));
	EXPECT_AQIC(it, true, nib, EMPTY | IRQ);
	EXPECT_AQIC(it, true, nib, EMPTY | IRQ | RC(0x07));
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | IRQ);
	EXPECT_AQIC(it, false, 0, EMPTY);
	EXPECT_AQIC(it, false, 0, EMPTY | RC(0x07));
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
}

static void aqic_delayed_by_polls(struct kunit *test)
{
	struct insn_test *it = test->priv;

	it->machine->queues[0x0406]->aqic_delay = 1;
	EXPECT_AQIC(it, true, virt_to_phys(it->storage), EMPTY);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | IRQ);
	/* The end of the reset disables the interrupt. */
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY | IRQ);
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
}

static void qci_configuration(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct ap_config_info *info = (void *)it->storage;

	set_bit_inv(9, it->machine->adm);
	it->gr[2] = (u64)it->storage;
	KUNIT_EXPECT_EQ(test, pqap(it, QCI), 0);
	KUNIT_EXPECT_TRUE(test, info->apxa);
	KUNIT_EXPECT_EQ(test, info->na, 255);
	KUNIT_EXPECT_EQ(test, info->nd, 255);
	KUNIT_EXPECT_EQ(test, info->apm[0], BIT(31 - 4) | BIT(31 - 5));
	KUNIT_EXPECT_EQ(test, info->aqm[0], BIT(31 - 6) | BIT(31 - 7));
	KUNIT_EXPECT_EQ(test, info->adm[0], BIT(31 - 9));
	for (it->gr[2]++; it->gr[2] & 7; it->gr[2]++)
		KUNIT_EXPECT_EQ(test, pqap(it, QCI), SPECIFICATION);
	/* If QCI is not installed, even a valid address causes an exception. */
	it->machine->no_qci = true;
	KUNIT_EXPECT_EQ(test, pqap(it, QCI), SPECIFICATION);
}

static void guest_view_of_apcb(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct ap_config_info *info = (void *)it->storage;

	set_bit_inv(5, it->apcb.apm);
	/* QCI must hide adapter 9, which is in the APCB but not in the machine. */
	set_bit_inv(9, it->apcb.apm);
	set_bit_inv(7, it->apcb.aqm);
	it->gr[0] = QCI;
	it->gr[2] = (u64)it->storage;
	KUNIT_EXPECT_EQ(test, execute(it, HWSIM_PQAP, 0, 0, &it->guest), 0);
	KUNIT_EXPECT_EQ(test, info->apm[0], BIT(31 - 5));
	KUNIT_EXPECT_EQ(test, info->aqm[0], BIT(31 - 7));
	KUNIT_EXPECT_EQ(test, info->adm[0], 0U);

	it->gr[0] = TAPQ | 0x0507;
	KUNIT_EXPECT_EQ(test, execute(it, HWSIM_PQAP, 0, 0, &it->guest), 0);
	it->gr[0] = TAPQ | 0x0406;
	KUNIT_EXPECT_EQ(test, execute(it, HWSIM_PQAP, 0, 0, &it->guest), 3);
	KUNIT_EXPECT_EQ(test, status(it), RC(0x01));
	it->gr[0] = ZAPQ | 0x0506;
	KUNIT_EXPECT_EQ(test, execute(it, HWSIM_PQAP, 0, 0, &it->guest), 3);
	KUNIT_EXPECT_EQ(test, status(it), RC(0x01));
	KUNIT_EXPECT_EQ(test, it->machine->queues[0x0506]->counts[HWSIM_ZAPQ], 0UL);
}

/* Execute a PQAP in a protected guest that has all queues. */
static u32 protected_pqap(struct insn_test *it, u64 gr0)
{
	struct hwsim_view view = it->guest;

	bitmap_fill(it->apcb.apm, HWSIM_IDS);
	bitmap_fill(it->apcb.aqm, HWSIM_IDS);
	view.is_protected = true;
	it->gr[0] = gr0;
	execute(it, HWSIM_PQAP, 0, 0, &view);
	return status(it);
}

static unsigned int bind_state(struct insn_test *it)
{
	struct ap_tapq_hwinfo info;

	protected_pqap(it, TAPQ | T_BIT | 0x0406);
	info.value = it->gr[2];
	return info.bs;
}

static void bind_and_associate(struct kunit *test)
{
	struct insn_test *it = test->priv;

	KUNIT_EXPECT_EQ(test, bind_state(it), AP_BS_Q_AVAIL_FOR_BINDING);
	KUNIT_EXPECT_EQ(test, protected_pqap(it, AAPQ | 0x0406), EMPTY | RC(0x31));
	KUNIT_EXPECT_EQ(test, protected_pqap(it, BAPQ | 0x0406), EMPTY);
	KUNIT_EXPECT_EQ(test, bind_state(it), AP_BS_Q_USABLE_NO_SECURE_KEY);
	KUNIT_EXPECT_EQ(test, protected_pqap(it, BAPQ | 0x0406), EMPTY | RC(0x30));
	KUNIT_EXPECT_EQ(test, protected_pqap(it, AAPQ | 0x0406), EMPTY);
	KUNIT_EXPECT_EQ(test, bind_state(it), AP_BS_Q_USABLE);
	KUNIT_EXPECT_EQ(test, protected_pqap(it, AAPQ | 0x0406), EMPTY | RC(0x31));
	/* A reset without the F bit keeps the state unless the host issues it. */
	KUNIT_EXPECT_EQ(test, protected_pqap(it, RAPQ | 0x0406), EMPTY);
	KUNIT_EXPECT_EQ(test, bind_state(it), AP_BS_Q_USABLE);
	KUNIT_EXPECT_EQ(test, protected_pqap(it, RAPQ | F_BIT | 0x0406), EMPTY);
	KUNIT_EXPECT_EQ(test, bind_state(it), AP_BS_Q_AVAIL_FOR_BINDING);
	KUNIT_EXPECT_EQ(test, protected_pqap(it, BAPQ | 0x0406), EMPTY);
	EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, bind_state(it), AP_BS_Q_AVAIL_FOR_BINDING);
	/* The host does not see the state. */
	EXPECT_PQAP(it, TAPQ | T_BIT | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, it->gr[2] >> 46 & 3, 0ULL);
}

static void failed_association(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_queue *queue = it->machine->queues[0x0406];
	u8 code;

	for (code = 0x35; code <= 0x36; code++) {
		KUNIT_EXPECT_EQ(test, protected_pqap(it, BAPQ | 0x0406), EMPTY);
		queue->responses[HWSIM_AAPQ].code = code;
		queue->responses[HWSIM_AAPQ].count = 1;
		KUNIT_EXPECT_EQ(test, protected_pqap(it, AAPQ | 0x0406), EMPTY);
		/* Each instruction except a reset returns the code. */
		KUNIT_EXPECT_EQ(test, protected_pqap(it, TAPQ | 0x0406), EMPTY | ASYNC | RC(code));
		EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY | ASYNC | RC(code));
		EXPECT_PQAP(it, AQIC | 0x0406, EMPTY | ASYNC | RC(code));
		EXPECT_PQAP(it, ZAPQ | 0x0406, EMPTY);
		EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	}
}

static void qact_type(struct kunit *test)
{
	struct insn_test *it = test->priv;

	it->gr[1] = 0;
	EXPECT_PQAP(it, QACT | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, it->gr[2] >> 24 & 0xff, 13ULL);
}

static int nqap(struct insn_test *it, u64 psmid, u64 len)
{
	it->gr[0] = NQAP_LAST | 0x0406;
	it->gr[4] = psmid >> 32;
	it->gr[5] = psmid & 0xffffffff;
	it->gr[6] = (u64)it->storage;
	it->gr[7] = len;
	return execute(it, HWSIM_NQAP, 4, 6, &it->host);
}

static int dqap(struct insn_test *it, const struct hwsim_view *view)
{
	it->gr[0] = DQAP_FIRST | 0x0406;
	it->gr[2] = 0;
	it->gr[4] = 0;
	it->gr[5] = 0;
	it->gr[6] = (u64)it->storage;
	it->gr[7] = PAGE_SIZE;
	return execute(it, HWSIM_DQAP, 4, 6, view);
}

static void reply_order(struct kunit *test)
{
	struct insn_test *it = test->priv;

	KUNIT_EXPECT_EQ(test, dqap(it, &it->host), 3);
	KUNIT_EXPECT_EQ(test, status(it), EMPTY | RC(0x10));
	KUNIT_EXPECT_EQ(test, nqap(it, 0x1111111122222222ULL, 100), 0);
	KUNIT_EXPECT_EQ(test, status(it), REPLIES);
	KUNIT_EXPECT_EQ(test, nqap(it, 3, 100), 0);
	KUNIT_EXPECT_TRUE(test, it->machine->queues[0x0406]->dirty);

	KUNIT_EXPECT_EQ(test, dqap(it, &it->host), 0);
	KUNIT_EXPECT_EQ(test, status(it), REPLIES);
	KUNIT_EXPECT_EQ(test, it->gr[4], 0x11111111ULL);
	KUNIT_EXPECT_EQ(test, it->gr[5], 0x22222222ULL);
	KUNIT_EXPECT_EQ(test, it->gr[7], PAGE_SIZE - 8);
	/* The reply has type 82 (error) and reply code 82 (operand invalid). */
	KUNIT_EXPECT_EQ(test, it->storage[1], 0x82);
	KUNIT_EXPECT_EQ(test, it->storage[4], 0x82);
	KUNIT_EXPECT_EQ(test, dqap(it, &it->host), 0);
	KUNIT_EXPECT_EQ(test, it->gr[5], 3ULL);
	KUNIT_EXPECT_EQ(test, status(it), EMPTY);
}

static void full_queue_and_reset(struct kunit *test)
{
	struct insn_test *it = test->priv;
	unsigned int i;

	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, nqap(it, i, 8), 0);
	KUNIT_EXPECT_EQ(test, nqap(it, i, 8), 3);
	KUNIT_EXPECT_EQ(test, status(it), REPLIES | FULL | RC(0x10));
	EXPECT_PQAP(it, RAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, nqap(it, i, 8), 3);
	KUNIT_EXPECT_EQ(test, status(it), EMPTY | RC(0x02));
	EXPECT_PQAP(it, TAPQ | 0x0406, EMPTY);
	KUNIT_EXPECT_EQ(test, dqap(it, &it->host), 3);
	KUNIT_EXPECT_EQ(test, status(it), EMPTY | RC(0x10));
}

static void dqap_missing_page(struct kunit *test)
{
	struct insn_test *it = test->priv;
	struct hwsim_view view = it->host;

	view.write = test_missing_page;
	KUNIT_EXPECT_EQ(test, nqap(it, 7, 8), 0);
	KUNIT_EXPECT_EQ(test, dqap(it, &view), -EFAULT);
	KUNIT_EXPECT_EQ(test, dqap(it, &it->host), 0);
	KUNIT_EXPECT_EQ(test, it->gr[5], 7ULL);
}

static void message_length_limits(struct kunit *test)
{
	static const u8 odd[][2] = { { 3, 6 }, { 4, 7 }, { 3, 7 } };
	static const u8 nqap_zero[] = { 31, 29, 28, 23 }, dqap_zero[] = { 30, 29, 28, 23, 22 };
	struct insn_test *it = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, nqap(it, 1, 0), SPECIFICATION);
	KUNIT_EXPECT_EQ(test, nqap(it, 1, 12 * 1024 + 1), SPECIFICATION);
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		it->gr[0] = NQAP_LAST | 0x0406;
		it->gr[7] = 8;
		it->gr[8] = 8;
		KUNIT_EXPECT_EQ(test, execute(it, HWSIM_NQAP, odd[i][0], odd[i][1], &it->host),
				SPECIFICATION);
		it->gr[0] = DQAP_FIRST | 0x0406;
		KUNIT_EXPECT_EQ(test, execute(it, HWSIM_DQAP, odd[i][0], odd[i][1], &it->host),
				SPECIFICATION);
	}
	it->gr[7] = 8;
	for (i = 0; i < ARRAY_SIZE(nqap_zero); i++) {
		it->gr[0] = NQAP_LAST | BIT(nqap_zero[i]) | 0x0406;
		KUNIT_EXPECT_EQ(test, execute(it, HWSIM_NQAP, 4, 6, &it->host), SPECIFICATION);
	}
	for (i = 0; i < ARRAY_SIZE(dqap_zero); i++) {
		it->gr[0] = DQAP_FIRST | BIT(dqap_zero[i]) | 0x0406;
		KUNIT_EXPECT_EQ(test, execute(it, HWSIM_DQAP, 4, 6, &it->host), SPECIFICATION);
	}
}

static struct kunit_case insn_test_cases[] = {
	KUNIT_CASE(tapq_response_codes),
	KUNIT_CASE(tapq_t_bit_info),
	KUNIT_CASE(pqap_reserved_bits),
	KUNIT_CASE(ids_without_apxa),
	KUNIT_CASE(ids_with_apxa),
	KUNIT_CASE(reset_poll_count),
	KUNIT_CASE(rapq_without_zeroize),
	KUNIT_CASE(held_reset_completion),
	KUNIT_CASE(timed_reset),
	KUNIT_CASE(injected_response_count),
	KUNIT_CASE(aqic_enable_and_disable),
	KUNIT_CASE(aqic_delayed_by_polls),
	KUNIT_CASE(qci_configuration),
	KUNIT_CASE(guest_view_of_apcb),
	KUNIT_CASE(bind_and_associate),
	KUNIT_CASE(failed_association),
	KUNIT_CASE(qact_type),
	KUNIT_CASE(reply_order),
	KUNIT_CASE(full_queue_and_reset),
	KUNIT_CASE(dqap_missing_page),
	KUNIT_CASE(message_length_limits),
	{}
};

static struct kunit_suite insn_test_suite = {
	.name = "ap_hwsim_insn",
	.init = insn_test_init,
	.exit = insn_test_exit,
	.test_cases = insn_test_cases,
};

kunit_test_suites(&insn_test_suite);
