// SPDX-License-Identifier: GPL-2.0
/*
 * Send a request to zcrypt in the Linux guest of linux_test. usage: linux_request [endless]
 *
 * The simulated queue answers each request with an error reply of type 82, for which zcrypt
 * returns EINVAL. Without a queue, zcrypt returns ENODEV.
 */
#include <asm/zcrypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BYTES	128

static int request(int fd)
{
	unsigned char input[BYTES] = { [BYTES - 1] = 2 }, exponent[BYTES] = { [BYTES - 1] = 3 };
	unsigned char output[BYTES], modulus[BYTES];
	struct ica_rsa_modexpo modexpo = {
		.inputdata = input,
		.inputdatalength = BYTES,
		.outputdata = output,
		.outputdatalength = BYTES,
		.b_key = exponent,
		.n_modulus = modulus,
	};

	memset(modulus, 0xa5, sizeof(modulus));
	return ioctl(fd, ICARSAMODEXPO, &modexpo) ? errno : 0;
}

int main(int argc, char **argv)
{
	int fd = open("/dev/z90crypt", O_RDWR), error;

	(void)argv;
	if (fd < 0) {
		printf("no /dev/z90crypt: %s", strerror(errno));
		return 1;
	}
	do {
		error = request(fd);
		/* The queues may be gone for a while. */
		if (error == ENODEV && argc > 1)
			usleep(10000);
	} while (argc > 1);
	printf("%s", error == EINVAL ? "answered" : error == ENODEV ? "no queue" : strerror(error));
	return 0;
}
