/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's s390 debug feature: /sys/kernel/debug/s390dbf/vfio_ap */
#ifndef VFIO_AP_DEBUG_H
#define VFIO_AP_DEBUG_H

#include <asm/debug.h>

#define VFIO_AP_DBF_LEVEL_ERR	3
#define VFIO_AP_DBF_LEVEL_WARN	4
#define VFIO_AP_DBF_LEVEL_INFO	5
#define VFIO_AP_DBF_LEVEL_DEBUG	6

/* Words per entry: one for the address of the format string, the others for its arguments. */
#define VFIO_AP_DBF_WORDS	10

extern debug_info_t *vfio_ap_dbf;

#define VFIO_AP_DBF_ERR(...)	\
	debug_sprintf_event(vfio_ap_dbf, VFIO_AP_DBF_LEVEL_ERR, __VA_ARGS__)
#define VFIO_AP_DBF_WARN(...)	\
	debug_sprintf_event(vfio_ap_dbf, VFIO_AP_DBF_LEVEL_WARN, __VA_ARGS__)
#define VFIO_AP_DBF_INFO(...)	\
	debug_sprintf_event(vfio_ap_dbf, VFIO_AP_DBF_LEVEL_INFO, __VA_ARGS__)

#endif /* VFIO_AP_DEBUG_H */
