/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events. Documentation/arch/s390/vfio-ap-tracing.rst explains their fields, whose names
 * must not change. The events identify an mdev by its UUID, and a queue by its APQN.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_ap

#if !defined(VFIO_AP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VFIO_AP_TRACE_H

#include <linux/tracepoint.h>

#include "vfio_ap_matrix.h"

#define VFIO_AP_TRACE_MASK	(VFIO_AP_NR_IDS / 8)

TRACE_EVENT(vfio_ap_guest_update,
	TP_PROTO(const char *mdev, unsigned int leavers, const struct vfio_ap_matrix *old,
		 const struct vfio_ap_matrix *new),
	TP_ARGS(mdev, leavers, old, new),
	TP_STRUCT__entry(__string(mdev, mdev)
			 __field(unsigned int, leavers)
			 __array(u8, old_apm, VFIO_AP_TRACE_MASK)
			 __array(u8, old_aqm, VFIO_AP_TRACE_MASK)
			 __array(u8, old_adm, VFIO_AP_TRACE_MASK)
			 __array(u8, apm, VFIO_AP_TRACE_MASK)
			 __array(u8, aqm, VFIO_AP_TRACE_MASK)
			 __array(u8, adm, VFIO_AP_TRACE_MASK)),
	TP_fast_assign(__assign_str(mdev);
		       __entry->leavers = leavers;
		       memcpy(__entry->old_apm, old->apm, VFIO_AP_TRACE_MASK);
		       memcpy(__entry->old_aqm, old->aqm, VFIO_AP_TRACE_MASK);
		       memcpy(__entry->old_adm, old->adm, VFIO_AP_TRACE_MASK);
		       memcpy(__entry->apm, new->apm, VFIO_AP_TRACE_MASK);
		       memcpy(__entry->aqm, new->aqm, VFIO_AP_TRACE_MASK);
		       memcpy(__entry->adm, new->adm, VFIO_AP_TRACE_MASK);),
	TP_printk("mdev=%s leavers=%u old_apm=%s old_aqm=%s old_adm=%s apm=%s aqm=%s adm=%s",
		  __get_str(mdev), __entry->leavers,
		  __print_hex_str(__entry->old_apm, VFIO_AP_TRACE_MASK),
		  __print_hex_str(__entry->old_aqm, VFIO_AP_TRACE_MASK),
		  __print_hex_str(__entry->old_adm, VFIO_AP_TRACE_MASK),
		  __print_hex_str(__entry->apm, VFIO_AP_TRACE_MASK),
		  __print_hex_str(__entry->aqm, VFIO_AP_TRACE_MASK),
		  __print_hex_str(__entry->adm, VFIO_AP_TRACE_MASK))
);

TRACE_EVENT(vfio_ap_assign_refused,
	TP_PROTO(const char *mdev, u16 apqn, const char *owner, int error),
	TP_ARGS(mdev, apqn, owner, error),
	TP_STRUCT__entry(__string(mdev, mdev)
			 __field(u16, apqn)
			 __string(owner, owner)
			 __field(int, error)),
	TP_fast_assign(__assign_str(mdev);
		       __entry->apqn = apqn;
		       __assign_str(owner);
		       __entry->error = error;),
	TP_printk("mdev=%s apqn=%02x.%04x owner=%s error=%d", __get_str(mdev),
		  __entry->apqn >> 8, __entry->apqn & 0xff, __get_str(owner), __entry->error)
);

TRACE_EVENT(vfio_ap_queue_reset_start,
	TP_PROTO(u16 apqn, u64 number, u8 rc),
	TP_ARGS(apqn, number, rc),
	TP_STRUCT__entry(__field(u16, apqn)
			 __field(u64, number)
			 __field(u8, rc)),
	TP_fast_assign(__entry->apqn = apqn;
		       __entry->number = number;
		       __entry->rc = rc;),
	TP_printk("apqn=%02x.%04x number=%llu rc=%02x", __entry->apqn >> 8, __entry->apqn & 0xff,
		  __entry->number, __entry->rc)
);

TRACE_EVENT(vfio_ap_queue_reset_end,
	TP_PROTO(u16 apqn, u64 number, u8 rc, bool done),
	TP_ARGS(apqn, number, rc, done),
	TP_STRUCT__entry(__field(u16, apqn)
			 __field(u64, number)
			 __field(u8, rc)
			 __field(bool, done)),
	TP_fast_assign(__entry->apqn = apqn;
		       __entry->number = number;
		       __entry->rc = rc;
		       __entry->done = done;),
	TP_printk("apqn=%02x.%04x number=%llu rc=%02x done=%d", __entry->apqn >> 8,
		  __entry->apqn & 0xff, __entry->number, __entry->rc, __entry->done)
);

TRACE_EVENT(vfio_ap_irq_set,
	TP_PROTO(const char *mdev, u16 apqn, bool enable, u8 gisc, u64 nib, u8 rc),
	TP_ARGS(mdev, apqn, enable, gisc, nib, rc),
	TP_STRUCT__entry(__string(mdev, mdev)
			 __field(u16, apqn)
			 __field(bool, enable)
			 __field(u8, gisc)
			 __field(u64, nib)
			 __field(u8, rc)),
	TP_fast_assign(__assign_str(mdev);
		       __entry->apqn = apqn;
		       __entry->enable = enable;
		       __entry->gisc = gisc;
		       __entry->nib = enable ? nib : 0;
		       __entry->rc = rc;),
	TP_printk("mdev=%s apqn=%02x.%04x enable=%d gisc=%u nib=%#llx rc=%02x", __get_str(mdev),
		  __entry->apqn >> 8, __entry->apqn & 0xff, __entry->enable, __entry->gisc,
		  __entry->nib, __entry->rc)
);

#endif /* VFIO_AP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vfio_ap_trace
#include <trace/define_trace.h>
