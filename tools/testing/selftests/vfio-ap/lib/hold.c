// SPDX-License-Identifier: GPL-2.0
/*
 * Block a system call while it reads user memory. The system call faults on a missing
 * page and waits until the test provides the page through userfaultfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib.h"

#define PAGE	4096UL

static void *hold_call(void *data)
{
	struct hold *hold = data;

	hold->thread_id = task_id();
	hold->ret = ioctl(hold->fd, hold->request, hold->arg) ? -errno : 0;
	return NULL;
}

static int hold_ioctl_begin(struct hold *hold, int fd, unsigned long request, void *arg)
{
	hold->fd = fd;
	hold->request = request;
	hold->arg = arg;
	return -pthread_create(&hold->thread, NULL, hold_call, hold);
}

/* Wait until a task faults on the missing page. */
int hold_wait(struct hold *hold)
{
	struct pollfd arrival = { .fd = hold->uffd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&arrival, 1, 60000) != 1)
		return -ETIMEDOUT;
	return read(hold->uffd, &message, sizeof(message)) == sizeof(message) ? 0 : -EIO;
}

static int hold_prepare(struct hold *hold)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register missing = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	hold->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (hold->uffd < 0)
		return -errno;
	hold->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	missing.range.start = (uintptr_t)hold->page;
	missing.range.len = PAGE;
	if (ioctl(hold->uffd, UFFDIO_API, &api) || ioctl(hold->uffd, UFFDIO_REGISTER, &missing))
		return -errno;
	return 0;
}

/*
 * Start an ioctl that faults while KVM reads a CPU model with kvm->lock held. KVM accepts
 * a new CPU model only while the VM has no vCPUs. hold_wait() waits until the ioctl holds
 * the lock.
 */
int hold_kvm_lock_begin(struct hold *hold, struct vm *vm)
{
	int ret = hold_prepare(hold);

	hold->attr.group = KVM_S390_VM_CPU_MODEL;
	hold->attr.attr = KVM_S390_VM_CPU_PROCESSOR;
	hold->attr.addr = (uintptr_t)hold->page;
	return ret ?: hold_ioctl_begin(hold, vm->fd, KVM_SET_DEVICE_ATTR, &hold->attr);
}

int hold_kvm_lock(struct hold *hold, struct vm *vm)
{
	return hold_kvm_lock_begin(hold, vm) ?: hold_wait(hold);
}

/* Block an ioctl while it reads its argument from the missing page. */
int hold_argument(struct hold *hold, int fd, unsigned long request)
{
	int ret = hold_prepare(hold);

	ret = ret ?: hold_ioctl_begin(hold, fd, request, hold->page);
	return ret ?: hold_wait(hold);
}

/*
 * Fill the missing page with zeroes, so that the ioctl continues, and return the ioctl's
 * result.
 */
int hold_release(struct hold *hold)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)hold->page, .len = PAGE },
	};

	if (ioctl(hold->uffd, UFFDIO_ZEROPAGE, &zero))
		return -errno;
	pthread_join(hold->thread, NULL);
	close(hold->uffd);
	munmap(hold->page, PAGE);
	return hold->ret;
}
