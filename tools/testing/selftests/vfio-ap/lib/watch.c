// SPDX-License-Identifier: GPL-2.0
/* Receive notifications of changes: poll() on an attribute, and uevents. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib.h"

/* Open an attribute for poll(). The initial read makes poll() report only later changes. */
int watch_open(const char *path)
{
	char text[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, text, sizeof(text)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Open a socket for uevents. A read from the socket fails if no uevent arrives within 30 s. */
int uevents_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct timeval patience = { .tv_sec = 30 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -1;
	return fd;
}
