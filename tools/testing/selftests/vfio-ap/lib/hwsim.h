/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for tests of the simulator: guests without a driver, and imitations of faulty
 * drivers. Functions return 0 or a negative errno unless stated otherwise.
 */
#ifndef VFIO_AP_TEST_HWSIM_H
#define VFIO_AP_TEST_HWSIM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib.h"

/* The simulator's id of the nth guest of this process, counted from 0. */
int hwsim_guest_id(int nth);

/*
 * Write the APCB of a guest without vfio_ap. Adapters and domains are lists of decimal
 * ids, or "none".
 */
int hwsim_apcb(int nth, const char *adapters, const char *domains);

/* Wait until a driver has the queue; "-" stands for no driver. */
bool hwsim_wait_driver(int apid, int apqi, const char *driver);

/* Wait until a field in the line of a queue has this value. */
bool hwsim_wait_state(int apid, int apqi, const char *key, long value);

/* Wait for a violation, without asking the simulator for a check. */
bool hwsim_wait_violation(char *buf, size_t size);

/* Reset all queues of an adapter, so that they hold no data of any owner. */
int hwsim_power_cycle(int apid);

/* host.c */
/* Reserve an adapter and a domain for the host, and wait until zcrypt has the queue. */
int host_take(int apid, int apqi);

/*
 * Send a request through zcrypt. -EINVAL means that an adapter has received it, because
 * the adapters reject all requests.
 */
int host_request(void);

#endif /* VFIO_AP_TEST_HWSIM_H */
