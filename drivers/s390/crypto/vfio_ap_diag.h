/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Diagnostics: functions that the driver's core calls to report events.
 *
 * The core also works without the diagnostics. vfio_ap_events.c counts events and emits trace
 * events, and calls functions in no other driver file. vfio_ap_stats.c shows the counters in
 * debugfs. vfio_ap_diag.c and vfio_ap_dryrun.c add attributes.
 */
#ifndef VFIO_AP_DIAG_H
#define VFIO_AP_DIAG_H

#include "vfio_ap_private.h"

#if IS_ENABLED(CONFIG_VFIO_AP_DIAGNOSTICS)

/* vfio_ap_events.c */
void vfio_ap_event_commit(struct vfio_ap_mdev *mdev, unsigned int joined, unsigned int left);
void vfio_ap_event_apcb_written(const struct vfio_ap_mdev *mdev, unsigned int left,
				const struct vfio_ap_matrix *old,
				const struct vfio_ap_matrix *new);
void vfio_ap_event_refused(const struct vfio_ap_mdev *mdev,
			   const struct vfio_ap_conflict *conflict, int error);
void vfio_ap_event_device_reset(struct vfio_ap_mdev *mdev);
void vfio_ap_event_notified(struct vfio_ap_mdev *mdev);
void vfio_ap_event_detached(struct vfio_ap_mdev *mdev,
			    const struct vfio_ap_attachment *attachment);
void vfio_ap_event_joined(struct vfio_ap_queue *q);
void vfio_ap_event_reset_issued(const struct vfio_ap_queue *q, u64 seq, u8 rc);
void vfio_ap_event_reset_ended(struct vfio_ap_queue *q, u64 seq, u8 rc, bool done);
void vfio_ap_event_irq_changed(struct vfio_ap_queue *q);
void vfio_ap_event_aqic(struct vfio_ap_attachment *attachment, struct vfio_ap_queue *q,
			u16 apqn, union ap_qirq_ctrl control, u64 nib, u8 rc);
u16 vfio_ap_event_slowest_ms(u16 slowest_ms, unsigned long duration);

/* vfio_ap_dryrun.c */
extern struct device_attribute dev_attr_ap_config_dry_run;
void vfio_ap_dry_run_free(struct vfio_ap_mdev *mdev);
size_t vfio_ap_conflict_print(const struct vfio_ap_conflict *conflict, char separator,
			      char *buf, size_t size);

/* vfio_ap_diag.c */
extern const struct attribute_group vfio_ap_diag_group;
void vfio_ap_last_error_record(struct vfio_ap_mdev *mdev,
			       const struct vfio_ap_conflict *conflict,
			       const char *attribute, const char *value, int error);

/* vfio_ap_stats.c */
void vfio_ap_stats_register(void);
void vfio_ap_stats_unregister(void);

#else

static inline void vfio_ap_event_commit(struct vfio_ap_mdev *mdev, unsigned int joined,
					unsigned int left) { }
static inline void vfio_ap_event_apcb_written(const struct vfio_ap_mdev *mdev,
					      unsigned int left,
					      const struct vfio_ap_matrix *old,
					      const struct vfio_ap_matrix *new) { }
static inline void vfio_ap_event_refused(const struct vfio_ap_mdev *mdev,
					 const struct vfio_ap_conflict *conflict,
					 int error) { }
static inline void vfio_ap_event_device_reset(struct vfio_ap_mdev *mdev) { }
static inline void vfio_ap_event_notified(struct vfio_ap_mdev *mdev) { }
static inline void vfio_ap_event_detached(struct vfio_ap_mdev *mdev,
					  const struct vfio_ap_attachment *attachment) { }
static inline void vfio_ap_event_joined(struct vfio_ap_queue *q) { }
static inline void vfio_ap_event_reset_issued(const struct vfio_ap_queue *q, u64 seq,
					      u8 rc) { }
static inline void vfio_ap_event_reset_ended(struct vfio_ap_queue *q, u64 seq, u8 rc,
					     bool done) { }
static inline void vfio_ap_event_irq_changed(struct vfio_ap_queue *q) { }
static inline void vfio_ap_event_aqic(struct vfio_ap_attachment *attachment,
				      struct vfio_ap_queue *q, u16 apqn,
				      union ap_qirq_ctrl control, u64 nib, u8 rc) { }
static inline void vfio_ap_dry_run_free(struct vfio_ap_mdev *mdev) { }
static inline void vfio_ap_last_error_record(struct vfio_ap_mdev *mdev,
					     const struct vfio_ap_conflict *conflict,
					     const char *attribute, const char *value,
					     int error) { }
static inline void vfio_ap_stats_register(void) { }
static inline void vfio_ap_stats_unregister(void) { }

#endif /* CONFIG_VFIO_AP_DIAGNOSTICS */

#endif /* VFIO_AP_DIAG_H */
