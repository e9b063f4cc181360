// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib.h"

int module_unload(void)
{
	/* Unload the KUnit modules first, because they depend on vfio_ap. */
	syscall(SYS_delete_module, "vfio_ap_matrix_test", O_NONBLOCK);
	syscall(SYS_delete_module, "vfio_ap_stats_test", O_NONBLOCK);
	return syscall(SYS_delete_module, "vfio_ap", O_NONBLOCK) ? -errno : 0;
}

int module_load(void)
{
	const char *path = getenv("VFIO_AP_MODULE");
	int fd = open(path ?: "/lib/vfio_ap.ko", O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* Return true if any of the files and directories that only vfio_ap creates exist. */
bool module_files_exist(void)
{
	return !access("/sys/kernel/debug/s390dbf/vfio_ap", F_OK) ||
	       !access("/sys/devices/vfio_ap", F_OK) || !access("/sys/bus/matrix", F_OK) ||
	       !access(DRIVER, F_OK);
}
