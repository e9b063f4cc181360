/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for tests of the simulator. They set guests' APCBs without vfio_ap and imitate
 * faulty drivers. Functions of type int return 0 or a negative errno unless stated
 * otherwise.
 */
#ifndef VFIO_AP_TEST_HWSIM_H
#define VFIO_AP_TEST_HWSIM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib.h"

/* Return the simulator's id for guest number @nth of this process, counting from 0. */
int hwsim_guest_id(int nth);

/*
 * Write the APCB of guest number @nth through the simulator instead of through vfio_ap.
 * @adapters and @domains are lists of decimal ids, or "none".
 */
int hwsim_apcb(int nth, const char *adapters, const char *domains);

/* Wait until the queue is bound to @driver, or to no driver if @driver is "-". */
bool hwsim_wait_driver(int apid, int apqi, const char *driver);

/* Wait until the simulator's "state" file shows @value for the queue's @key. */
bool hwsim_wait_state(int apid, int apqi, const char *key, long value);

/* Wait until the simulator reports a violation, without writing to its "check" file. */
bool hwsim_wait_violation(char *buf, size_t size);

/* Deconfigure and configure an adapter, which resets its queues and erases their data. */
int hwsim_power_cycle(int apid);

/* host.c */
/* Reserve an adapter and a domain for the host, and wait until zcrypt is bound to the queue. */
int host_take(int apid, int apqi);

/* Reserve all queues for the host, and wait until zcrypt is bound to all of them. */
int host_take_all(void);

/* Bind a queue to zcrypt, or unbind it from zcrypt. */
int host_bind(int apid, int apqi);
int host_unbind(int apid, int apqi);

/* Return true if queues have the attribute driver_override, which Linux 6.12 lacks. */
bool override_exists(void);
/* The reason to skip a test if override_exists() returns false. */
#define NO_OVERRIDE	"this kernel has no driver_override of queues (Linux 6.19 has)"

/* Write @driver to the queue's driver_override. */
int override_set(int apid, int apqi, const char *driver);

/* Use driver_override to move a queue from zcrypt to vfio_ap. */
int override_give(int apid, int apqi);

/*
 * Send a request through zcrypt. -EINVAL means that a simulated adapter received the
 * request, because simulated adapters reject all requests.
 */
int host_request(void);
bool host_request_is_rejected(void *unused);

#endif /* VFIO_AP_TEST_HWSIM_H */
