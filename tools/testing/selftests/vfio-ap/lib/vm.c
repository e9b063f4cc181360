// SPDX-License-Identifier: GPL-2.0
/* A VM with one vCPU and 1 MiB of memory, whose guest program is guest/agent.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

#define PSW_64BIT	0x0000000180000000UL
#define MB		0x100000UL

extern const char agent_image[], agent_image_end[];
asm(".section .rodata\n.globl agent_image, agent_image_end\n"
    "agent_image: .incbin \"agent.bin\"\nagent_image_end: .byte 0\n.previous");

static int vm_attr_set(struct vm *vm, unsigned int group, unsigned long attr, void *data)
{
	struct kvm_device_attr set = { .group = group, .attr = attr, .addr = (uintptr_t)data };

	return ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &set) ? -errno : 0;
}

/* Enable the facilities for QCI, TAPQ's T bit and AP interrupts, as QEMU does. */
static int vm_facilities_set(struct vm *vm)
{
	static const int wanted[] = { 12, 15, 65 };
	struct kvm_s390_vm_cpu_processor *processor = calloc(1, sizeof(*processor));
	struct kvm_device_attr get = {
		.group = KVM_S390_VM_CPU_MODEL,
		.attr = KVM_S390_VM_CPU_PROCESSOR,
		.addr = (uintptr_t)processor,
	};
	unsigned int i;
	int ret;

	if (ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &get)) {
		ret = -errno;
	} else {
		for (i = 0; i < ARRAY_SIZE(wanted); i++)
			processor->fac_list[wanted[i] / 64] |= 1UL << (63 - wanted[i] % 64);
		ret = vm_attr_set(vm, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, processor);
	}
	free(processor);
	return ret;
}

/* Create a VM without a vCPU. */
int vm_create_bare(struct vm *vm)
{
	struct kvm_userspace_memory_region region = { .memory_size = AGENT_MEMORY };
	char *memory;
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->vcpu = -1;
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		return -errno;
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return -errno;

	/* KVM requires a memory slot to begin at a segment boundary (1 MiB). */
	memory = mmap(NULL, AGENT_MEMORY + MB, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	vm->memory = (void *)(((uintptr_t)memory + MB - 1) & ~(MB - 1));
	memcpy((char *)vm->memory + AGENT_CODE, agent_image, agent_image_end - agent_image);
	vm->mailbox = (void *)((char *)vm->memory + AGENT_MAILBOX);
	region.userspace_addr = (uintptr_t)vm->memory;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return -errno;

	ret = vm_facilities_set(vm);
	if (ret)
		return ret;
	return vm_attr_set(vm, KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_APIE, NULL);
}

int vm_create(struct vm *vm)
{
	int ret = vm_create_bare(vm);

	if (ret)
		return ret;
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		return -errno;
	vm->run = mmap(NULL, ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		       MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		return -errno;
	vm->run->psw_mask = PSW_64BIT;
	vm->run->psw_addr = AGENT_CODE;
	return 0;
}

static void vm_kicked(int signal)
{
	(void)signal;
}

static void *vm_run(void *data)
{
	struct vm *vm = data;
	int ret;

	vm->vcpu_thread_id = task_id();
	while (vm->running) {
		ret = ioctl(vm->vcpu, KVM_RUN, 0) ? -errno : 0;
		if (ret == -EAGAIN) {
			__atomic_add_fetch(&vm->repeats, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		if (ret && ret != -EINTR) {
			vm->end = ret;
			break;
		}
		if (vm->run->exit_reason != KVM_EXIT_INTR) {
			vm->end = vm->run->exit_reason;
			fprintf(stderr, "# guest left: reason %d psw %lx %lx ", vm->end,
				(long)vm->run->psw_mask, (long)vm->run->psw_addr);
			fprintf(stderr, "icpt %x ipa %x ipb %x\n", vm->run->s390_sieic.icptcode,
				vm->run->s390_sieic.ipa, vm->run->s390_sieic.ipb);
			break;
		}
	}
	return NULL;
}

int vm_start(struct vm *vm)
{
	struct sigaction kick = { .sa_handler = vm_kicked };

	sigaction(SIGUSR1, &kick, NULL);
	vm->running = true;
	return -pthread_create(&vm->thread, NULL, vm_run, vm);
}

/* Stop the vCPU. vm_start() resumes it. */
void vm_stop(struct vm *vm)
{
	if (!vm->running)
		return;
	vm->running = false;
	/* Without immediate_exit, a signal that arrives just before KVM_RUN would be lost. */
	vm->run->immediate_exit = 1;
	pthread_kill(vm->thread, SIGUSR1);
	pthread_join(vm->thread, NULL);
	vm->run->immediate_exit = 0;
}

void vm_destroy(struct vm *vm)
{
	vm_stop(vm);
	if (vm->vcpu >= 0) {
		close(vm->vcpu);
		munmap(vm->run, ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	}
	if (vm->vfio_device)
		close(vm->vfio_device);
	vm->vfio_device = 0;
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->memory, AGENT_MEMORY);
}

/* Condition for until(): KVM's trace shows that the newest VM has been destroyed. */
bool last_vm_is_destroyed(void *unused)
{
	static char trace[1 << 20];
	char *next = trace, *created = NULL, name[64], word[16];
	unsigned long vm, last = 0;

	(void)unused;
	if (file_read(KVM_TRACE, trace, sizeof(trace)) <= 0)
		return false;
	for (; (next = strstr(next, "vm 0x")); next++) {
		if (sscanf(next, "vm 0x%lx %15s", &vm, word) == 2 && !strcmp(word, "created")) {
			created = next;
			last = vm;
		}
	}
	snprintf(name, sizeof(name), "vm 0x%016lx destroyed", last);
	return created && strstr(created, name);
}

/* Send a command to the guest without waiting for the result. */
void vm_post(struct vm *vm, enum agent_command command, unsigned long gr0, unsigned long gr1,
	     unsigned long gr2)
{
	vm->mailbox->command = command;
	vm->mailbox->gr[0] = gr0;
	vm->mailbox->gr[1] = gr1;
	vm->mailbox->gr[2] = gr2;
	vm->mailbox->specification = 0;
	__sync_synchronize();
	vm->mailbox->request++;
}

bool vm_answered(struct vm *vm)
{
	return vm->mailbox->request == vm->mailbox->done;
}

static bool vm_answered_now(void *data)
{
	struct vm *vm = data;

	return vm_answered(vm) || vm->end;
}

/* Execute a command in the guest. Return its condition code or a negative errno. */
int vm_ask(struct vm *vm, enum agent_command command, unsigned long gr0, unsigned long gr1,
	   unsigned long gr2)
{
	int ret, tries;

	vm_post(vm, command, gr0, gr1, gr2);
	/* Most commands finish quickly, so poll before calling until(), which sleeps. */
	for (tries = 0; tries < 1000 && !vm_answered_now(vm); tries++)
		sched_yield();
	ret = until(vm_answered_now, vm);
	if (ret)
		return ret;
	return vm_answered(vm) ? (int)vm->mailbox->cc : -EPIPE;
}

static int vm_response_code(struct vm *vm)
{
	return vm->mailbox->gr[1] >> 16 & 0xff;
}

static int vm_pqap(struct vm *vm, int fc, int apid, int apqi, unsigned long gr1, unsigned long gr2)
{
	int cc = vm_ask(vm, AGENT_PQAP, (unsigned long)fc << 24 | apid << 8 | apqi, gr1, gr2);
	int rc = vm_response_code(vm);

	if (cc < 0)
		return cc;
	/* Response code 00 requires condition code 0, and all others require condition code 3. */
	if (cc != (rc ? 3 : 0))
		return -EPROTO;
	return rc;
}

/*
 * The following three functions return the response code or a negative errno. The errno
 * is -EPROTO if the condition code does not match the response code.
 */
int vm_tapq(struct vm *vm, int apid, int apqi)
{
	return vm_pqap(vm, 0, apid, apqi, 0, 0);
}

int vm_zapq(struct vm *vm, int apid, int apqi)
{
	return vm_pqap(vm, 2, apid, apqi, 0, 0);
}

int vm_aqic(struct vm *vm, int apid, int apqi, bool enable, int isc, unsigned long nib)
{
	return vm_pqap(vm, 3, apid, apqi, (enable ? 1UL << 47 : 0) | isc, nib);
}

static bool mask_has(const unsigned char *mask, int id)
{
	return mask[id / 8] & 0x80 >> id % 8;
}

/*
 * Return true if the guest sees exactly the queues in @matrix, for example
 * "04.0004 04.0005". QCI and TAPQ must agree about each queue that QCI reports, and about
 * all queues whose adapter and domain ids are between 3 and 7.
 */
bool vm_sees(struct vm *vm, const char *matrix)
{
	const unsigned char *qci = (unsigned char *)vm->memory + AGENT_QCI;
	const unsigned char *apm = qci + 16, *aqm = qci + 48;
	char seen[4096] = "";
	int apid, apqi;

	if (vm_ask(vm, AGENT_PQAP, 4UL << 24, 0, AGENT_QCI))
		return false;
	for (apid = 0; apid < 256; apid++) {
		for (apqi = 0; apqi < 256; apqi++) {
			bool in_qci = mask_has(apm, apid) && mask_has(aqm, apqi);
			bool near = apid >= 3 && apid <= 7 && apqi >= 3 && apqi <= 7;
			bool there;
			int rc;

			if (!in_qci && !near)
				continue;
			rc = vm_tapq(vm, apid, apqi);
			there = rc != 1;
			if (rc < 0 || in_qci != there)
				return false;
			if (in_qci)
				snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen),
					 "%s%02x.%04x", *seen ? " " : "", apid, apqi);
		}
	}
	return !strcmp(seen, matrix);
}

struct sees {
	struct vm *vm;
	const char *matrix;
};

static bool vm_sees_now(void *data)
{
	struct sees *sees = data;

	return vm_sees(sees->vm, sees->matrix);
}

bool vm_wait_queues(struct vm *vm, const char *matrix)
{
	struct sees sees = { vm, matrix };

	return !until(vm_sees_now, &sees);
}
