// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers for queues that the host uses. The AP bus binds zcrypt to all queues that are
 * reserved for the host, unless their driver_override names vfio_ap.
 */
#include <asm/zcrypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hwsim.h"

int host_take(int apid, int apqi)
{
	char text[8];
	int ret;

	snprintf(text, sizeof(text), "+%d", apid);
	ret = file_write(BUS "apmask", text);
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "+%d", apqi);
	ret = file_write(BUS "aqmask", text);
	if (ret)
		return ret;
	return hwsim_wait_driver(apid, apqi, "cex4queue") ? 0 : -ETIMEDOUT;
}

static bool host_has_all(void *unused)
{
	static char text[1 << 20];

	(void)unused;
	file_read(HWSIM "state", text, sizeof(text));
	return !strstr(text, "driver=vfio_ap ") && !strstr(text, "driver=- ");
}

int host_take_all(void)
{
	char mask[2 + 64 + 1] = "0x";
	int ret;

	memset(mask + 2, 'f', 64);
	ret = file_write(BUS "apmask", mask);
	ret = ret ?: file_write(BUS "aqmask", mask);
	return ret ?: until(host_has_all, NULL);
}

static int host_driver_write(const char *file, int apid, int apqi)
{
	char path[64], name[32];

	snprintf(path, sizeof(path), BUS "drivers/cex4queue/%s", file);
	snprintf(name, sizeof(name), "%02x.%04x", apid, apqi);
	return file_write(path, name);
}

int host_bind(int apid, int apqi)
{
	return host_driver_write("bind", apid, apqi);
}

int host_unbind(int apid, int apqi)
{
	return host_driver_write("unbind", apid, apqi);
}

bool override_exists(void)
{
	return !access("/sys/devices/ap/card04/04.0004/driver_override", F_OK);
}

int override_set(int apid, int apqi, const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/ap/card%02x/%02x.%04x/driver_override", apid,
		 apid, apqi);
	return file_write(path, driver);
}

int override_give(int apid, int apqi)
{
	int ret = override_set(apid, apqi, "vfio_ap");

	ret = ret ?: host_unbind(apid, apqi);
	return ret ?: queue_bind(apid, apqi);
}

int host_request(void)
{
	unsigned char input[128] = { 1 }, exponent[128] = { 1 }, modulus[128], output[128];
	struct ica_rsa_modexpo request = {
		.inputdata = (void *)input,
		.inputdatalength = sizeof(input),
		.outputdata = (void *)output,
		.outputdatalength = sizeof(output),
		.b_key = (void *)exponent,
		.n_modulus = (void *)modulus,
	};
	int fd = open("/dev/z90crypt", O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	memset(modulus, 0xff, sizeof(modulus));
	ret = ioctl(fd, ICARSAMODEXPO, &request) ? -errno : 0;
	close(fd);
	return ret;
}

/* The simulated adapter rejects each request. Before the queue is online, zcrypt returns ENODEV. */
bool host_request_is_rejected(void *unused)
{
	(void)unused;
	return host_request() == -EINVAL;
}
