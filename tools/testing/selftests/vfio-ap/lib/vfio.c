// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib.h"

static int vfio_group_open(const char *uuid)
{
	char path[256], link[256];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), MATRIX "%s/iommu_group", uuid);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int vfio_associate(struct vfio *vfio, struct vm *vm)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };
	struct kvm_device_attr add = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = KVM_DEV_VFIO_GROUP_ADD,
		.addr = (uintptr_t)&vfio->group,
	};

	/* KVM allows only one device of type KVM_DEV_TYPE_VFIO per VM. */
	if (!vm->vfio_device) {
		if (ioctl(vm->fd, KVM_CREATE_DEVICE, &create))
			return -errno;
		vm->vfio_device = create.fd;
	}
	if (ioctl(vm->vfio_device, KVM_SET_DEVICE_ATTR, &add))
		return -errno;
	vfio->vm = vm;
	return 0;
}

/* Map all guest memory for DMA, with DMA addresses equal to guest addresses. */
int vfio_dma_map(struct vfio *vfio, struct vm *vm)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)vm->memory,
		.size = AGENT_MEMORY,
	};

	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int vfio_dma_unmap(struct vfio *vfio)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.size = AGENT_MEMORY,
	};

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	return unmap.size == AGENT_MEMORY ? 0 : -EPROTO;
}

int vfio_open_device(struct vfio *vfio, const char *uuid)
{
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, uuid);
	return vfio->device < 0 ? -errno : 0;
}

/*
 * Do everything that must precede opening the device. If @vm is NULL, skip the DMA mapping
 * and do not associate the group with a VM.
 */
int vfio_open_group(struct vfio *vfio, struct vm *vm, const char *uuid)
{
	int ret;

	vfio->device = -1;
	vfio->vm = NULL;
	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	vfio->group = vfio_group_open(uuid);
	if (vfio->group < 0)
		return vfio->group;
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container))
		return -errno;
	if (ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	if (!vm)
		return 0;
	ret = vfio_dma_map(vfio, vm);
	return ret ?: vfio_associate(vfio, vm);
}

/* Open a device with the same steps, and in the same order, as QEMU. */
int vfio_open(struct vfio *vfio, struct vm *vm, const char *uuid)
{
	return vfio_open_group(vfio, vm, uuid) ?: vfio_open_device(vfio, uuid);
}

/* An mdev's device file has the same name as the only directory in the mdev's vfio-dev/. */
int vfio_cdev_open(const char *uuid)
{
	char path[300];
	glob_t found;
	int fd;

	snprintf(path, sizeof(path), MATRIX "%s/vfio-dev/vfio*", uuid);
	if (glob(path, 0, NULL, &found))
		return -ENOENT;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Open a device without a group: pass the device file to KVM, and use an iommufd instead
 * of a container.
 */
int vfio_open_iommufd(struct vfio *vfio, struct vm *vm, const char *uuid)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	vfio->vm = NULL;
	vfio->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	vfio->device = vfio_cdev_open(uuid);
	if (vfio->device < 0)
		return vfio->device;
	vfio->group = dup(vfio->device);
	ret = vfio_associate(vfio, vm);
	if (ret)
		return ret;
	bind.iommufd = vfio->container;
	if (ioctl(vfio->device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(vfio->container, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	attach.pt_id = alloc.out_ioas_id;
	return ioctl(vfio->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

/* Set the eventfd of a VFIO interrupt. If fd is -1, remove the eventfd. */
int vfio_irq_set(int device, unsigned int index, int fd)
{
	struct irq_set set = {
		.header = {
			.argsz = sizeof(set),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
		.fd = fd,
	};

	return ioctl(device, VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}

void vfio_close(struct vfio *vfio)
{
	struct kvm_device_attr del = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = KVM_DEV_VFIO_GROUP_DEL,
		.addr = (uintptr_t)&vfio->group,
	};

	if (vfio->device >= 0)
		close(vfio->device);
	/* Unless the VM has been destroyed, KVM also holds a reference to the group file. */
	if (vfio->vm && vfio->vm->vfio_device)
		ioctl(vfio->vm->vfio_device, KVM_SET_DEVICE_ATTR, &del);
	close(vfio->group);
	close(vfio->container);
}
