/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What only the tests of the simulator itself need: guests without a driver,
 * and drivers that are wrong. Functions return 0 or a negative errno, unless
 * they say otherwise.
 */
#ifndef VFIO_AP_TEST_HWSIM_H
#define VFIO_AP_TEST_HWSIM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib.h"

/* The simulator's number for a guest that this process has made, the first is 0. */
int hwsim_guest_id(int nth);

/* Write its APCB without the knowledge of vfio_ap. Lists of decimal ids, or "none". */
int hwsim_apcb(int nth, const char *adapters, const char *domains);

/* Does a driver come to have a queue? "-": none. */
bool hwsim_driver_comes(int apid, int apqi, const char *driver);

/* Does a number in the line of a queue come to be this one? */
bool hwsim_state_comes(int apid, int apqi, const char *key, long value);

/* Is there any violation now, before long? Those that only a look finds are not looked for. */
bool hwsim_violation_comes(char *buf, size_t size);

/* Reset an adapter's queues whoever has them: what they hold is nobody's any more. */
int hwsim_power_cycle(int apid);

/* host.c */
/* Reserve an adapter and a domain for the host, and wait until zcrypt has the queue. */
int host_take(int apid, int apqi);

/* Send a request through zcrypt. -EINVAL: it reached an adapter, which refuses every request. */
int host_request(void);

#endif /* VFIO_AP_TEST_HWSIM_H */
