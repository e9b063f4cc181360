// SPDX-License-Identifier: GPL-2.0
/*
 * Test protected guests. The first tests enable or disable protection, but the guest does not
 * run while it is protected. In the other tests, the protected guest runs and uses its queues.
 *
 * KVM, the pinning of pages and the driver are real. The ultravisor and SIE are simulated, so
 * the guest needs no encrypted image, and the test can read the guest's memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/guest_fixture.h"

#define AQIC			0x3000000UL
#define AQIC_ENABLE		0x800000000000UL
#define CR0_SERVICE_SIGNAL	0x200UL
#define PSW_EXTERNAL		0x0100000000000000UL
#define PSW_DISABLED_WAIT	0x0002000180000000UL
#define EXTERNAL_NEW_PSW	0x1b0
#define SERVICE_ARRIVED		0x5e51ceUL
/* The guest uses this subclass for adapter interrupts. The host uses subclass 5. */
#define GISC			6
#define OTHER_NIB		(AGENT_NIB + 0x2000)

#define TAPQ_T			0x0800000UL
#define QCI			0x4000000UL
#define BAPQ			0x7000000UL
#define AAPQ			0x8000000UL
/* The bind state in general register 2 after TAPQ with the T bit. */
#define BIND_STATE(gr2)		((gr2) >> 46 & 3)
#define ASSOCIATED		0
#define BOUND			1
#define UNBOUND			2

/* ultravisor calls: the guest's as numbers, and the host's as hexadecimal text for uv_respond */
#define UVC_SHARE		0x1000
#define UVC_UNSHARE		0x1001
#define UVC_EXPORT		"201"
#define UVC_PIN_SHARED		"341"
#define UVC_EXECUTED		1

static int pv_command(struct vm *vm, unsigned int command)
{
	struct kvm_pv_cmd pv = { .cmd = command };

	return ioctl(vm->fd, KVM_S390_PV_COMMAND, &pv) ? -errno : 0;
}

static void interrupt_enable(struct __test_metadata *_metadata, struct vm *vm, int apid, int apqi)
{
	ASSERT_EQ(0, vm_aqic(vm, apid, apqi, true, GISC, AGENT_NIB));
	ASSERT_EQ(0, vm_ask(vm, AGENT_IO_OPEN, 0x80000000UL >> GISC, 0, 0) < 0);
}

static bool vcpu_is_idle(void *data)
{
	struct vm *vm = data;

	return task_waits_in(vm->vcpu_thread_id, "kvm_s390_handle_wait");
}

static bool vm_has_answered(void *data)
{
	return vm_answered(data);
}

/* Deliver an interrupt while the vCPU is idle, so that KVM has to wake the vCPU after the alert. */
static void interrupt_deliver(struct __test_metadata *_metadata, struct vm *vm, const char *queue)
{
	unsigned long before = vm->mailbox->interrupts;

	vm_post(vm, AGENT_IO_WAIT, 0, 0, 0);
	ASSERT_EQ(0, until(vcpu_is_idle, vm));
	ASSERT_EQ(0, hwsim("reply", "%s", queue));
	ASSERT_EQ(0, until(vm_has_answered, vm));
	EXPECT_EQ(before + 1, vm->mailbox->interrupts);
}

/* While the interrupt is enabled, an alert can occur, so KVM_PV_ENABLE returns -EBUSY. */
TEST_F(guest, pv_enable_busy)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	vm_stop(&self->vm);
	ASSERT_EQ(-EBUSY, pv_command(&self->vm, KVM_PV_ENABLE));
	EXPECT_EQ(-EINVAL, pv_command(&self->vm, KVM_PV_DISABLE));
	/* Cause an alert while no vCPU runs. */
	ASSERT_EQ(0, hwsim("reply", "04.0004"));
	EXPECT_EQ(1, *nib);
	ASSERT_EQ(0, vm_start(&self->vm));
	EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
	EXPECT_EQ(1, self->vm.mailbox->interrupts);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

TEST_F(guest, pv_enable_after_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	vm_stop(&self->vm);
	ASSERT_EQ(-EBUSY, pv_command(&self->vm, KVM_PV_ENABLE));
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, pinned_kib());
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_ENABLE));
	/* The queue's interrupt is disabled, so this reply does not interrupt the guest. */
	EXPECT_EQ(0, hwsim("reply", "04.0004"));
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	ASSERT_EQ(0, vm_start(&self->vm));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

/*
 * The VMM keeps running after the VM has ended, so KVM unregisters the mmu notifier,
 * whose release callback makes the vCPUs unprotected again.
 */
TEST_F(guest, vm_end_after_pv)
{
	struct vm vm;

	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	ASSERT_EQ(0, file_write("/sys/kernel/debug/s390dbf/kvm-trace/flush", "-"));
	ASSERT_EQ(0, vm_create(&vm));
	ASSERT_EQ(0, pv_command(&vm, KVM_PV_ENABLE));
	ASSERT_EQ(0, pv_command(&vm, KVM_PV_DISABLE));
	vm_destroy(&vm);
	EXPECT_EQ(0, until(last_vm_is_destroyed, NULL));
}

/* A thread that issues a KVM_S390_PV_COMMAND, and the function in which it waits for the vCPU. */
struct pv_thread {
	struct vm *vm;
	unsigned int command;
	const char *waits_in;
	pid_t thread_id;
	bool ended;
	int ret;
};

static void *pv_thread_run(void *data)
{
	struct pv_thread *thread = data;

	thread->thread_id = task_id();
	thread->ret = pv_command(thread->vm, thread->command);
	__atomic_store_n(&thread->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool pv_thread_waits_for_vcpu(void *data)
{
	struct pv_thread *thread = data;

	return task_waits_in(thread->thread_id, thread->waits_in) ||
	       __atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE);
}

static bool vcpu_is_held(void *data)
{
	struct vm *vm = data;

	return task_waits_in(vm->vcpu_thread_id, "hwsim_gisc_register_later");
}

/* KVM_PV_ENABLE finds no GISC and waits for the vCPU, which then tries to register a GISC. */
TEST_F(guest, aqic_during_pv_enable)
{
	struct pv_thread enabler = {
		.vm = &self->vm,
		.command = KVM_PV_ENABLE,
		.waits_in = "kvm_s390_gisa_disable",
	};
	pthread_t thread;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	ASSERT_EQ(0, hwsim("gisc_hold", "1"));
	vm_post(&self->vm, AGENT_PQAP, AQIC | 4 << 8 | 4, AQIC_ENABLE | GISC, AGENT_NIB);
	EXPECT_EQ(0, until(vcpu_is_held, &self->vm));
	EXPECT_EQ(0, pthread_create(&thread, NULL, pv_thread_run, &enabler));
	EXPECT_EQ(0, until(pv_thread_waits_for_vcpu, &enabler));
	ASSERT_EQ(0, hwsim("gisc_hold", "0"));
	ASSERT_EQ(0, until(vm_has_answered, &self->vm));
	EXPECT_EQ(6, self->vm.mailbox->gr[1] >> 16 & 0xff);
	EXPECT_EQ(0, pinned_kib());
	EXPECT_EQ(0, hwsim_state(4, 4, "irq"));
	vm_stop(&self->vm);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, enabler.ret);
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	ASSERT_EQ(0, vm_start(&self->vm));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

static bool guest_has_ended(void *data)
{
	struct vm *vm = data;

	return vm->end;
}

/* KVM blocks service interrupts only for protected guests, not after a failed KVM_PV_ENABLE. */
TEST_F(guest, service_irq_after_pv_failure)
{
	struct kvm_s390_interrupt service = { .type = KVM_S390_INT_SERVICE, .parm = 0x1000 };
	unsigned long *new_psw;
	struct other other;

	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	interrupt_enable(_metadata, &other.vm, 5, 5);
	ASSERT_EQ(0, hwsim("ultravisor", "1"));
	vm_stop(&other.vm);
	EXPECT_EQ(-EBUSY, pv_command(&other.vm, KVM_PV_ENABLE));
	new_psw = (unsigned long *)((char *)other.vm.memory + EXTERNAL_NEW_PSW);
	new_psw[0] = PSW_DISABLED_WAIT;
	new_psw[1] = SERVICE_ARRIVED;
	other.vm.run->psw_mask |= PSW_EXTERNAL;
	other.vm.run->s.regs.crs[0] |= CR0_SERVICE_SIGNAL;
	other.vm.run->kvm_dirty_regs |= KVM_SYNC_CRS;
	ASSERT_EQ(0, ioctl(other.vm.fd, KVM_S390_INTERRUPT, &service));
	ASSERT_EQ(0, vm_start(&other.vm));
	EXPECT_EQ(0, until(guest_has_ended, &other.vm));
	EXPECT_EQ(SERVICE_ARRIVED, other.vm.run->psw_addr);
	other_end(_metadata, &other);
}

/*
 * Continue the guest as a protected guest. Its GISA stays, because the ultravisor supports AIV.
 * The guest must have started, because the ultravisor takes over its PSW.
 */
static void protect(struct __test_metadata *_metadata, struct vm *vm)
{
	ASSERT_LE(0, vm_ask(vm, AGENT_NOTHING, 0, 0, 0));
	ASSERT_EQ(0, hwsim("ultravisor", "aiv"));
	vm_stop(vm);
	ASSERT_EQ(0, pv_command(vm, KVM_PV_ENABLE));
	ASSERT_EQ(0, vm_start(vm));
}

/* Make the guest protected, and give it queue 04.0004. */
static void protect_with_queue(struct __test_metadata *_metadata, struct vm *vm)
{
	protect(_metadata, vm);
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(vm, "04.0004"));
}

/* The control block of an ultravisor call that shares or unshares a page. */
struct uvcb {
	unsigned short len, command, rc, rrc;
	unsigned long reserved[3], address, reserved2;
};

static struct uvcb *uvcb_write(struct vm *vm, unsigned short command, unsigned long address)
{
	struct uvcb *uvcb = (void *)((char *)vm->memory + AGENT_UVCB);

	memset(uvcb, 0, sizeof(*uvcb));
	uvcb->len = sizeof(*uvcb);
	uvcb->command = command;
	uvcb->address = address & ~0xfffUL;
	return uvcb;
}

/* Let the guest share or unshare a page. Return 0 or a negative errno. */
static int uvc(struct vm *vm, unsigned short command, unsigned long address)
{
	struct uvcb *uvcb = uvcb_write(vm, command, address);
	int cc = vm_ask(vm, AGENT_UVC, 0, 0, AGENT_UVCB);

	if (cc < 0)
		return cc;
	return cc || uvcb->rc != UVC_EXECUTED ? -EPROTO : 0;
}

/* Let the guest write to a page with QCI, so that KVM imports the page. */
static int touch(struct vm *vm, unsigned long address)
{
	return vm_ask(vm, AGENT_PQAP, QCI, 0, address & ~0xfffUL);
}

static void nib_share(struct __test_metadata *_metadata, struct vm *vm, unsigned long nib)
{
	ASSERT_EQ(0, uvc(vm, UVC_SHARE, nib));
	ASSERT_EQ(0, touch(vm, nib));
}

/* Issue PQAP in the guest. Return the response code or a negative errno. */
static int pqap(struct vm *vm, unsigned long gr0, unsigned long gr2)
{
	int cc = vm_ask(vm, AGENT_PQAP, gr0, 0, gr2);

	return cc < 0 ? cc : (int)(vm->mailbox->gr[1] >> 16 & 0xff);
}

static int bind_state(struct vm *vm)
{
	int rc = pqap(vm, TAPQ_T | 0x0404, 0);

	return rc ? -rc : (int)BIND_STATE(vm->mailbox->gr[2]);
}

static void nib_unusable(struct __test_metadata *_metadata, struct vm *vm)
{
	long before = hwsim_state(4, 4, "aqic");

	EXPECT_EQ(6, vm_aqic(vm, 4, 4, true, GISC, AGENT_NIB));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_EQ(before, hwsim_state(4, 4, "aqic"));
	EXPECT_EQ(0, hwsim_state(4, 4, "irq"));
}

TEST_F(guest, pv_interrupt)
{
	unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;

	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	*nib = 0;
	interrupt_enable(_metadata, &self->vm, 4, 4);
	EXPECT_EQ(4, pinned_kib());
	EXPECT_EQ(0, hwsim("check", "1"));
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	EXPECT_EQ(1, *nib);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_EQ(0, uvc(&self->vm, UVC_UNSHARE, AGENT_NIB));
	nib_unusable(_metadata, &self->vm);
}

/* The guest does not share the NIB's page. Pinning exports the page, and touch() imports it. */
TEST_F(guest, pv_nib_not_shared)
{
	protect_with_queue(_metadata, &self->vm);
	ASSERT_EQ(0, touch(&self->vm, AGENT_NIB));
	nib_unusable(_metadata, &self->vm);
	ASSERT_EQ(0, touch(&self->vm, AGENT_NIB));
	nib_unusable(_metadata, &self->vm);
	/* Sharing another page does not help. */
	nib_share(_metadata, &self->vm, OTHER_NIB);
	nib_unusable(_metadata, &self->vm);
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, GISC, OTHER_NIB));
	EXPECT_EQ(4, pinned_kib());
}

/* The guest shares the page, but has not used it yet, so the page is not secure. */
TEST_F(guest, pv_nib_not_secure)
{
	protect_with_queue(_metadata, &self->vm);
	ASSERT_EQ(0, uvc(&self->vm, UVC_SHARE, AGENT_NIB));
	nib_unusable(_metadata, &self->vm);
	ASSERT_EQ(0, touch(&self->vm, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, GISC, AGENT_NIB));
	EXPECT_EQ(4, pinned_kib());
}

/* If the guest does not share the page of a new NIB, the old NIB stays registered. */
TEST_F(guest, pv_nib_kept_after_failure)
{
	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, touch(&self->vm, OTHER_NIB));
	EXPECT_EQ(6, vm_aqic(&self->vm, 4, 4, true, GISC, OTHER_NIB));
	EXPECT_EQ(4, pinned_kib());
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

TEST_F(guest, pv_uv_call_failures)
{
	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	/* The kernel repeats an ultravisor call while the ultravisor is busy. */
	ASSERT_EQ(0, hwsim("uv_respond", UVC_PIN_SHARED " busy 5"));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, GISC, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	/* The page is already accessible, so pinning makes no call, and the driver's call fails. */
	ASSERT_EQ(0, hwsim("uv_respond", UVC_PIN_SHARED " 107 1"));
	nib_unusable(_metadata, &self->vm);
	/* The page is still shared. */
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, true, GISC, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	/* The page is not shared and cannot be exported, so it cannot be pinned. */
	ASSERT_EQ(0, uvc(&self->vm, UVC_UNSHARE, AGENT_NIB));
	ASSERT_EQ(0, hwsim("uv_respond", UVC_EXPORT " 107 1000"));
	nib_unusable(_metadata, &self->vm);
	ASSERT_EQ(0, hwsim("uv_respond", UVC_EXPORT " 107 0"));
	ASSERT_EQ(0, touch(&self->vm, AGENT_NIB));
}

TEST_F(guest, pv_gisc_failure)
{
	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	ASSERT_EQ(0, hwsim("gisc_fail", "1"));
	nib_unusable(_metadata, &self->vm);
	EXPECT_EQ(0, uvc(&self->vm, UVC_UNSHARE, AGENT_NIB));
}

static bool vm_repeats(void *data)
{
	struct vm *vm = data;

	return __atomic_load_n(&vm->repeats, __ATOMIC_SEQ_CST) >= 2 || vm_answered(vm);
}

/* Let the guest unshare the NIB's page. KVM must block this call, because the page is pinned. */
static void unshare_blocked(struct __test_metadata *_metadata, struct vm *vm)
{
	__atomic_store_n(&vm->repeats, 0, __ATOMIC_SEQ_CST);
	uvcb_write(vm, UVC_UNSHARE, AGENT_NIB);
	vm_post(vm, AGENT_UVC, 0, 0, AGENT_UVCB);
	ASSERT_EQ(0, until(vm_repeats, vm));
	EXPECT_FALSE(vm_answered(vm));
	EXPECT_EQ(4, pinned_kib());
}

static void unshare_completed(struct __test_metadata *_metadata, struct vm *vm)
{
	const struct uvcb *uvcb = (void *)((char *)vm->memory + AGENT_UVCB);

	ASSERT_EQ(0, until(vm_has_answered, vm));
	EXPECT_EQ(0, vm->mailbox->cc);
	EXPECT_EQ(UVC_EXECUTED, uvcb->rc);
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

static int end_by_device_reset(struct vfio *vfio)
{
	return ioctl(vfio->device, VFIO_DEVICE_RESET) ? -errno : 0;
}

static int end_by_unassign(struct vfio *vfio)
{
	(void)vfio;
	return mdev_write(UUID1, "unassign_adapter", "4") ?:
	       mdev_write(UUID1, "assign_adapter", "4");
}

static int end_by_unbind(struct vfio *vfio)
{
	(void)vfio;
	return queue_unbind(4, 4) ?: queue_bind(4, 4);
}

static int end_by_adapter_loss(struct vfio *vfio)
{
	(void)vfio;
	return hwsim("adapter_del", "4") ?: bus_scan() ?: hwsim("adapter_add", "4") ?: bus_scan();
}

/* The reset finds the adapter deconfigured. */
static int end_by_deconfiguration(struct vfio *vfio)
{
	int ret = hwsim("deconfigure", "4");

	ioctl(vfio->device, VFIO_DEVICE_RESET);
	return ret ?: hwsim("configure", "4") ?: bus_scan();
}

static int end_by_close(struct vfio *vfio)
{
	vfio_close(vfio);
	return 0;
}

/* Condition for until(): issue AQIC, which returns 02 while the queue is being reset. */
static bool nib_is_accepted(void *data)
{
	return vm_aqic(data, 4, 4, true, GISC, AGENT_NIB) != 2;
}

/* However a registration ends, the driver unpins the page, so that the guest can unshare it. */
TEST_F(guest, pv_unshare_after_each_end)
{
	static int (*const ends[])(struct vfio *vfio) = {
		end_by_device_reset, end_by_unassign, end_by_unbind, end_by_adapter_loss,
		end_by_deconfiguration, end_by_close,
	};
	unsigned int i;

	protect_with_queue(_metadata, &self->vm);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004")) TH_LOG("end %u", i);
		nib_share(_metadata, &self->vm, AGENT_NIB);
		ASSERT_EQ(0, until(nib_is_accepted, &self->vm));
		ASSERT_EQ(1, hwsim_state(4, 4, "irq")) TH_LOG("end %u", i);
		unshare_blocked(_metadata, &self->vm);
		EXPECT_EQ(0, ends[i](&self->vfio)) TH_LOG("end %u", i);
		unshare_completed(_metadata, &self->vm);
	}
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	/* Hardware rejects the second enable, and a disable ends the first registration. */
	nib_share(_metadata, &self->vm, AGENT_NIB);
	nib_share(_metadata, &self->vm, OTHER_NIB);
	ASSERT_EQ(0, until(nib_is_accepted, &self->vm));
	ASSERT_EQ(7, vm_aqic(&self->vm, 4, 4, true, GISC, OTHER_NIB));
	EXPECT_EQ(0, uvc(&self->vm, UVC_UNSHARE, OTHER_NIB));
	ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, uvc(&self->vm, UVC_UNSHARE, AGENT_NIB));
}

static void enable_begin(struct __test_metadata *_metadata, struct vm *vm)
{
	ASSERT_EQ(0, hwsim("hold", "uv_pin_shared"));
	vm_post(vm, AGENT_PQAP, AQIC | 4 << 8 | 4, AQIC_ENABLE | GISC, AGENT_NIB);
	EXPECT_TRUE(hwsim_wait_held("uv_pin_shared", 1));
}

/* Let AQIC continue. Return its response code or a negative errno. */
static int enable_end(struct vm *vm)
{
	int ret = hwsim("release", "uv_pin_shared") ?: until(vm_has_answered, vm);

	return ret ?: (int)(vm->mailbox->gr[1] >> 16 & 0xff);
}

/* A guest that waits for the ultravisor delays neither other guests nor changes to its queues. */
TEST_F(guest, pv_uv_call_isolation)
{
	struct other other;

	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	other_start(_metadata, &other, 5, 5);
	ASSERT_TRUE(vm_wait_queues(&other.vm, "05.0005"));
	enable_begin(_metadata, &self->vm);
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, true, GISC, AGENT_NIB));
	EXPECT_EQ(0, vm_aqic(&other.vm, 5, 5, false, GISC, 0));
	EXPECT_EQ(0, mdev_write(UUID2, "assign_domain", "6"));
	EXPECT_TRUE(vm_wait_queues(&other.vm, "05.0005 05.0006"));
	EXPECT_EQ(0, ioctl(other.vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, mdev_write(UUID1, "assign_adapter", "6"));
	EXPECT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	EXPECT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, bus_scan());
	EXPECT_FALSE(vm_answered(&self->vm));

	/* The guest has lost the queue. */
	EXPECT_EQ(1, enable_end(&self->vm));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_TRUE(vm_wait_queues(&self->vm, "06.0004"));
	EXPECT_EQ(0, uvc(&self->vm, UVC_UNSHARE, AGENT_NIB));
	other_end(_metadata, &other);
}

/*
 * With AIV, KVM_PV_ENABLE does not fail while an interrupt is enabled. KVM can import the NIB's
 * page only after VFIO_DEVICE_RESET has unpinned the page.
 */
TEST_F(guest, pv_import_after_device_reset)
{
	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, hwsim("ultravisor", "aiv"));
	vm_stop(&self->vm);
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_ENABLE));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, pinned_kib());
	ASSERT_EQ(0, vm_start(&self->vm));
	EXPECT_EQ(0, touch(&self->vm, AGENT_NIB));
	ASSERT_EQ(0, uvc(&self->vm, UVC_SHARE, AGENT_NIB));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

/* A guest that was protected continues as an ordinary guest, which need not share pages. */
TEST_F(guest, pv_guest_unprotected)
{
	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	vm_stop(&self->vm);
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	ASSERT_EQ(0, vm_start(&self->vm));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
}

/* Condition for until(): no page belongs to a protected guest. */
static bool no_page_is_secure(void *unused)
{
	char text[64];

	(void)unused;
	file_read(HWSIM "uv_pages", text, sizeof(text));
	return !strcmp(text, "secure=0 shared=0 pinned=0\n");
}

/* If the VMM does not reset the device first, the interrupt stays enabled with the same NIB. */
TEST_F(guest, pv_disable_while_enabled)
{
	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	interrupt_enable(_metadata, &self->vm, 4, 4);
	EXPECT_FALSE(no_page_is_secure(NULL));
	vm_stop(&self->vm);
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	EXPECT_TRUE(no_page_is_secure(NULL));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, vm_start(&self->vm));
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

/* KVM_PV_DISABLE waits for the vCPU, so the page is still shared when AQIC uses it. */
TEST_F(guest, aqic_during_pv_disable)
{
	struct pv_thread disabler = {
		.vm = &self->vm,
		.command = KVM_PV_DISABLE,
		.waits_in = "kvm_s390_cpus_from_pv",
	};
	pthread_t thread;

	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	enable_begin(_metadata, &self->vm);
	EXPECT_EQ(0, pthread_create(&thread, NULL, pv_thread_run, &disabler));
	EXPECT_EQ(0, until(pv_thread_waits_for_vcpu, &disabler));
	EXPECT_FALSE(__atomic_load_n(&disabler.ended, __ATOMIC_ACQUIRE));
	EXPECT_EQ(0, enable_end(&self->vm));
	vm_stop(&self->vm);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, disabler.ret);
	EXPECT_TRUE(no_page_is_secure(NULL));
	EXPECT_EQ(4, pinned_kib());
	ASSERT_EQ(0, vm_start(&self->vm));
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
}

static int nib_discard(struct vm *vm)
{
	return madvise((char *)vm->memory + (AGENT_NIB & ~0xfffUL), 0x1000, MADV_DONTNEED) ?
		       -errno : 0;
}

/* The VMM discards the NIB's page during AQIC, and later while a queue uses the page. */
TEST_F(guest, pv_nib_page_discarded)
{
	const unsigned char *nib = (unsigned char *)self->vm.memory + AGENT_NIB;

	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	enable_begin(_metadata, &self->vm);
	ASSERT_EQ(0, nib_discard(&self->vm));
	EXPECT_EQ(6, enable_end(&self->vm));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));

	nib_share(_metadata, &self->vm, AGENT_NIB);
	interrupt_enable(_metadata, &self->vm, 4, 4);
	ASSERT_EQ(0, nib_discard(&self->vm));
	EXPECT_EQ(4, pinned_kib());
	/* Hardware still writes to the discarded page, not to the new one. */
	nib_share(_metadata, &self->vm, AGENT_NIB);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	EXPECT_EQ(0, *nib);
	EXPECT_EQ(0, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	interrupt_enable(_metadata, &self->vm, 4, 4);
	interrupt_deliver(_metadata, &self->vm, "04.0004");
	EXPECT_EQ(1, *nib);
	vm_stop(&self->vm);
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, pinned_kib());
	ASSERT_EQ(0, pv_command(&self->vm, KVM_PV_DISABLE));
	EXPECT_TRUE(no_page_is_secure(NULL));
	ASSERT_EQ(0, vm_start(&self->vm));
}

struct closer {
	struct vfio *vfio;
	pid_t thread_id;
	bool ended;
};

static void *closer_run(void *data)
{
	struct closer *closer = data;

	closer->thread_id = task_id();
	vfio_close(closer->vfio);
	__atomic_store_n(&closer->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool closer_waits_for_vcpu(void *data)
{
	struct closer *closer = data;

	/* The stock driver waits in the second function. */
	return task_waits_in(closer->thread_id, "vfio_ap_guest_detach") ||
	       task_waits_in(closer->thread_id, "vfio_ap_mdev_close_device") ||
	       __atomic_load_n(&closer->ended, __ATOMIC_ACQUIRE);
}

/* The close waits for AQIC. Afterwards, the page is unpinned even if AQIC enabled the interrupt. */
TEST_F(guest, pv_close_during_uv_call)
{
	struct closer closer = { .vfio = &self->vfio };
	pthread_t thread;

	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	enable_begin(_metadata, &self->vm);
	EXPECT_EQ(0, pthread_create(&thread, NULL, closer_run, &closer));
	EXPECT_EQ(0, until(closer_waits_for_vcpu, &closer));
	EXPECT_FALSE(__atomic_load_n(&closer.ended, __ATOMIC_ACQUIRE));
	EXPECT_LE(0, enable_end(&self->vm));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_EQ(0, hwsim_state(4, 4, "irq"));
	EXPECT_EQ(0, uvc(&self->vm, UVC_UNSHARE, AGENT_NIB));
	ASSERT_EQ(0, vfio_open(&self->vfio, &self->vm, UUID1));
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
}

/* Run a protected guest that enables the interrupt of 05.0005. Return only on failure. */
static int vmm_run(int ready)
{
	struct vfio vfio;
	struct vm vm;

	if (vm_create(&vm) || vfio_open(&vfio, &vm, UUID2) || vm_start(&vm) ||
	    vm_ask(&vm, AGENT_NOTHING, 0, 0, 0) < 0)
		return 1;
	vm_stop(&vm);
	if (pv_command(&vm, KVM_PV_ENABLE) || vm_start(&vm) || !vm_wait_queues(&vm, "05.0005") ||
	    uvc(&vm, UVC_SHARE, AGENT_NIB) || touch(&vm, AGENT_NIB) ||
	    vm_aqic(&vm, 5, 5, true, GISC, AGENT_NIB) || write(ready, "r", 1) != 1)
		return 1;
	pause();
	return 1;
}

/* When a VMM is killed, its memory is unmapped before its files are closed. */
TEST_F(guest, pv_vmm_killed)
{
	int ready[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, mdev_create(UUID2));
	assign(_metadata, UUID2, 5, 5);
	ASSERT_EQ(0, hwsim("ultravisor", "aiv"));
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_NE(-1, pid);
	if (!pid)
		_exit(vmm_run(ready[1]));
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	EXPECT_EQ(1, hwsim_state(5, 5, "irq"));
	EXPECT_FALSE(no_page_is_secure(NULL));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, until(nothing_is_pinned, NULL));
	EXPECT_EQ(0, until(no_page_is_secure, NULL));
	EXPECT_EQ(0, hwsim_state(5, 5, "irq"));
	EXPECT_EQ(0, mdev_remove(UUID2));
	close(ready[0]);
}

/* A reset ends a guest's bind and association, so that the next guest does not inherit them. */
TEST_F(guest, pv_bind_and_associate)
{
	static const int codes[] = { 0x31, 0x33, 0x34, 0x37, 0x38 };
	unsigned int i;

	assign(_metadata, UUID1, 4, 4);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	/* An ordinary guest cannot bind a queue. */
	EXPECT_LE(0, vm_ask(&self->vm, AGENT_PQAP, BAPQ | 0x0404, 0, 0));
	EXPECT_EQ(1, self->vm.mailbox->specification);
	protect(_metadata, &self->vm);
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		ASSERT_EQ(0, hwsim("respond", "04.0004 bapq %x 1", codes[i]));
		EXPECT_EQ(codes[i], pqap(&self->vm, BAPQ | 0x0404, 0));
		ASSERT_EQ(0, hwsim("respond", "04.0004 aapq %x 1", codes[i]));
		EXPECT_EQ(codes[i], pqap(&self->vm, AAPQ | 0x0404, 1));
	}
	EXPECT_EQ(UNBOUND, bind_state(&self->vm));
	EXPECT_EQ(0x31, pqap(&self->vm, AAPQ | 0x0404, 1));
	EXPECT_EQ(0, pqap(&self->vm, BAPQ | 0x0404, 0));
	EXPECT_EQ(BOUND, bind_state(&self->vm));
	EXPECT_EQ(0x30, pqap(&self->vm, BAPQ | 0x0404, 0));
	EXPECT_EQ(0, pqap(&self->vm, AAPQ | 0x0404, 1));
	EXPECT_EQ(ASSOCIATED, bind_state(&self->vm));
	/* A reset by the host ends the bind and the association. */
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(UNBOUND, bind_state(&self->vm));
	EXPECT_EQ(0, pqap(&self->vm, BAPQ | 0x0404, 0));
	ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
	assign(_metadata, UUID1, 4, -1);
	ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
	EXPECT_EQ(UNBOUND, bind_state(&self->vm));
}

/* After a failed association, all instructions return 35 or 36 until the queue is reset. */
static void association_fail(struct __test_metadata *_metadata, struct vm *vm, int code)
{
	ASSERT_EQ(0, pqap(vm, BAPQ | 0x0404, 0));
	ASSERT_EQ(0, hwsim("respond", "04.0004 aapq %x 1", code));
	ASSERT_EQ(0, pqap(vm, AAPQ | 0x0404, 1));
	EXPECT_EQ(code, vm_tapq(vm, 4, 4));
}

TEST_F(guest, pv_association_failure)
{
	int code;

	protect_with_queue(_metadata, &self->vm);
	nib_share(_metadata, &self->vm, AGENT_NIB);
	for (code = 0x35; code <= 0x36; code++) {
		association_fail(_metadata, &self->vm, code);
		EXPECT_EQ(code, vm_aqic(&self->vm, 4, 4, true, GISC, AGENT_NIB));
		EXPECT_EQ(0, until(nothing_is_pinned, NULL));
		EXPECT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
		EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
		/* The page stays pinned until the reset, because hardware rejects the disable. */
		ASSERT_EQ(0, vm_aqic(&self->vm, 4, 4, true, GISC, AGENT_NIB));
		association_fail(_metadata, &self->vm, code);
		EXPECT_EQ(code, vm_aqic(&self->vm, 4, 4, false, GISC, 0));
		EXPECT_EQ(4, pinned_kib());
		ASSERT_EQ(0, mdev_write(UUID1, "unassign_adapter", "4"));
		EXPECT_EQ(0, until(nothing_is_pinned, NULL));
		assign(_metadata, UUID1, 4, -1);
		ASSERT_TRUE(vm_wait_queues(&self->vm, "04.0004"));
		EXPECT_EQ(0, vm_tapq(&self->vm, 4, 4));
	}
}

static bool queue_is_in_guest(void)
{
	char text[512] = "";

	return mdev_read(UUID1, "queue_states", text, sizeof(text)) > 0 &&
	       !strncmp(text, "04.0004 in-guest ", strlen("04.0004 in-guest "));
}

/* A guest that binds and associates its queue does not change the state in queue_states. */
TEST_F(guest, pv_queue_states)
{
	protect_with_queue(_metadata, &self->vm);
	EXPECT_TRUE(queue_is_in_guest());
	ASSERT_EQ(0, pqap(&self->vm, BAPQ | 0x0404, 0));
	EXPECT_TRUE(queue_is_in_guest());
	ASSERT_EQ(0, pqap(&self->vm, AAPQ | 0x0404, 1));
	EXPECT_TRUE(queue_is_in_guest());
	ASSERT_EQ(0, ioctl(self->vfio.device, VFIO_DEVICE_RESET));
	association_fail(_metadata, &self->vm, 0x36);
	EXPECT_TRUE(queue_is_in_guest());
}

#include "lib/main.h"
