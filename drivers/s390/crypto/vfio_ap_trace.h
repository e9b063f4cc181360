/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_ap

#if !defined(VFIO_AP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VFIO_AP_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(vfio_ap_commit,
	TP_PROTO(const char *mdev, bool attached, bool changed, unsigned int leavers),
	TP_ARGS(mdev, attached, changed, leavers),
	TP_STRUCT__entry(__string(mdev, mdev)
			 __field(bool, attached)
			 __field(bool, changed)
			 __field(unsigned int, leavers)),
	TP_fast_assign(__assign_str(mdev, mdev);
		       __entry->attached = attached;
		       __entry->changed = changed;
		       __entry->leavers = leavers;),
	TP_printk("mdev=%s attached=%d changed=%d leavers=%u", __get_str(mdev),
		  __entry->attached, __entry->changed, __entry->leavers)
);

TRACE_EVENT(vfio_ap_reset,
	TP_PROTO(u16 apqn, const char *function, u8 response_code, u64 number),
	TP_ARGS(apqn, function, response_code, number),
	TP_STRUCT__entry(__field(u16, apqn)
			 __string(function, function)
			 __field(u8, response_code)
			 __field(u64, number)),
	TP_fast_assign(__entry->apqn = apqn;
		       __assign_str(function, function);
		       __entry->response_code = response_code;
		       __entry->number = number;),
	TP_printk("apqn=%02x.%04x function=%s rc=%02x number=%llu", __entry->apqn >> 8,
		  __entry->apqn & 0xff, __get_str(function), __entry->response_code,
		  __entry->number)
);

TRACE_EVENT(vfio_ap_aqic,
	TP_PROTO(u16 apqn, bool enable, u8 gisc, u8 response_code),
	TP_ARGS(apqn, enable, gisc, response_code),
	TP_STRUCT__entry(__field(u16, apqn)
			 __field(bool, enable)
			 __field(u8, gisc)
			 __field(u8, response_code)),
	TP_fast_assign(__entry->apqn = apqn;
		       __entry->enable = enable;
		       __entry->gisc = gisc;
		       __entry->response_code = response_code;),
	TP_printk("apqn=%02x.%04x enable=%d gisc=%u rc=%02x", __entry->apqn >> 8,
		  __entry->apqn & 0xff, __entry->enable, __entry->gisc,
		  __entry->response_code)
);

#endif /* VFIO_AP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vfio_ap_trace
#include <trace/define_trace.h>
