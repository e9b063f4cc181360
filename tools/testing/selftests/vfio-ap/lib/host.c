// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers that use the host's queues. The AP bus binds zcrypt to all queues that are
 * reserved for the host.
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
