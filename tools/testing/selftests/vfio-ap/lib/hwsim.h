/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for tests of the simulator. They control guests without vfio_ap and imitate
 * faulty drivers. Functions return 0 or a negative errno unless stated otherwise.
 */
#ifndef VFIO_AP_TEST_HWSIM_H
#define VFIO_AP_TEST_HWSIM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib.h"

/* Return the simulator's id of guest number nth of this process. The first guest is number 0. */
int hwsim_guest_id(int nth);

/*
 * Write an APCB through the simulator instead of through vfio_ap. Adapters and domains
 * are lists of decimal ids, or "none".
 */
int hwsim_apcb(int nth, const char *adapters, const char *domains);

/* Wait until the queue is bound to this driver. "-" means that the queue is not bound. */
bool hwsim_wait_driver(int apid, int apqi, const char *driver);

/* Wait until the simulator's state file shows this value for a key of the queue. */
bool hwsim_wait_state(int apid, int apqi, const char *key, long value);

/* Wait until the simulator detects a violation, without writing to its "check" file. */
bool hwsim_wait_violation(char *buf, size_t size);

/* Deconfigure and configure an adapter, which resets its queues and erases their data. */
int hwsim_power_cycle(int apid);

/* host.c */
/* Reserve an adapter and a domain for the host, and wait until zcrypt drives the queue. */
int host_take(int apid, int apqi);

/* Reserve all queues for the host, and wait until zcrypt has them. */
int host_take_all(void);

/* Bind a queue to zcrypt, or unbind it. */
int host_bind(int apid, int apqi);
int host_unbind(int apid, int apqi);

/* Do queues have the attribute driver_override, which Linux 6.12 lacks? */
bool override_exists(void);
/* The reason to skip a test if they do not. */
#define NO_OVERRIDE	"this kernel has no driver_override of queues (Linux 6.19 has)"

/* Write driver_override of a queue. */
int override_set(int apid, int apqi, const char *driver);

/* Move a queue from zcrypt to vfio_ap with driver_override. */
int override_give(int apid, int apqi);

/*
 * Send a request through zcrypt. -EINVAL means that a simulated adapter received the
 * request, because simulated adapters reject all requests.
 */
int host_request(void);

#endif /* VFIO_AP_TEST_HWSIM_H */
