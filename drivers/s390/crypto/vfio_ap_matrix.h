/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Matrices of adapters and domains. These functions take no locks, access no hardware and
 * allocate no memory.
 */
#ifndef VFIO_AP_MATRIX_H
#define VFIO_AP_MATRIX_H

#include <linux/bitops.h>
#include <linux/types.h>
#include <asm/ap.h>

#define VFIO_AP_NR_IDS 256
/* Length of three hexadecimal masks, each with a leading 0x and a trailing comma or newline. */
#define VFIO_AP_MASKS_TEXT_SIZE (3 * (2 + VFIO_AP_NR_IDS / 4 + 1))
/* Length of "AA.DDDD" and a newline. */
#define VFIO_AP_QUEUE_LINE 8

/**
 * struct vfio_ap_matrix - a set of adapters, usage domains and control domains
 *
 * The queues of a matrix are all pairs of one of its adapters and one of its usage domains. Id
 * 0 is the leftmost bit of a mask, as in hardware, so access the masks with test_bit_inv() and
 * similar functions.
 */
struct vfio_ap_matrix {
	/** @apm: adapters, by APID */
	DECLARE_BITMAP(apm, VFIO_AP_NR_IDS);
	/** @aqm: usage domains, by APQI */
	DECLARE_BITMAP(aqm, VFIO_AP_NR_IDS);
	/** @adm: control domains */
	DECLARE_BITMAP(adm, VFIO_AP_NR_IDS);
};

/**
 * struct vfio_ap_limits - the highest ids that a machine supports
 */
struct vfio_ap_limits {
	/** @apid: highest adapter id, 0 to 255 */
	u8 apid;
	/** @domain: highest id of usage and control domains, 0 to 255 */
	u8 domain;
};

/**
 * struct vfio_ap_part - the section of an attribute's text that a read() requests
 */
struct vfio_ap_part {
	/** @buf: kernel buffer that receives the section, without a NUL at the end */
	char *buf;
	/** @count: size of @buf in characters, at least 1 */
	size_t count;
	/** @offset: number of characters to skip before the section */
	size_t offset;
	/** @done: number of characters stored in @buf */
	size_t done;
};

/**
 * enum vfio_ap_fitness - whether a guest may have a queue
 * @VFIO_AP_QUEUE_FIT: a guest may have the queue, because it is bound to this driver and no
 *	reset is pending
 * @VFIO_AP_QUEUE_PENDING: a guest may have the queue once its reset has completed
 * @VFIO_AP_QUEUE_BAD: no guest may have the queue, because it is not bound, its reset failed,
 *	or it was unbound, and possibly bound again, while a guest had it
 */
enum vfio_ap_fitness {
	VFIO_AP_QUEUE_FIT,
	VFIO_AP_QUEUE_PENDING,
	VFIO_AP_QUEUE_BAD,
};

/**
 * struct vfio_ap_unfit - the unfit queues of one adapter, as masks of their domains
 */
struct vfio_ap_unfit {
	/** @pending: domains of queues that are VFIO_AP_QUEUE_PENDING */
	DECLARE_BITMAP(pending, VFIO_AP_NR_IDS);
	/** @bad: domains of queues that are VFIO_AP_QUEUE_BAD */
	DECLARE_BITMAP(bad, VFIO_AP_NR_IDS);
};

/**
 * typedef vfio_ap_unfit_fn - list the unfit queues of an adapter
 * @apid: the adapter
 * @domains: mask of the domains to check
 * @unfit: receives the domains of the unfit queues, a subset of @domains
 * @data: the @data argument of vfio_ap_matrix_derive()
 */
typedef void (*vfio_ap_unfit_fn)(unsigned int apid, const unsigned long *domains,
				 struct vfio_ap_unfit *unfit, void *data);

extern const struct vfio_ap_matrix vfio_ap_matrix_empty;

#define vfio_ap_for_each_id(id, mask) for_each_set_bit_inv(id, mask, VFIO_AP_NR_IDS)

bool vfio_ap_matrix_has(const struct vfio_ap_matrix *matrix, unsigned int apid,
			unsigned int apqi);
bool vfio_ap_matrix_equal(const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b);
void vfio_ap_matrix_and(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			const struct vfio_ap_matrix *b);
void vfio_ap_matrix_or(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
		       const struct vfio_ap_matrix *b);
void vfio_ap_matrix_andnot(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			   const struct vfio_ap_matrix *b);
bool vfio_ap_matrix_first_shared(const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b,
				 unsigned int *apid, unsigned int *apqi);
bool vfio_ap_matrix_adds_queues(const struct vfio_ap_matrix *new,
				const struct vfio_ap_matrix *old);
bool vfio_ap_matrix_next(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			 unsigned long *apqn);
void vfio_ap_matrix_from_config(struct vfio_ap_matrix *matrix,
				const struct ap_config_info *config);
void vfio_ap_limits_from_config(struct vfio_ap_limits *limits,
				const struct ap_config_info *config);
void vfio_ap_matrix_derive(struct vfio_ap_matrix *guest, const struct vfio_ap_matrix *assigned,
			   const struct vfio_ap_matrix *host, const struct vfio_ap_matrix *now,
			   vfio_ap_unfit_fn list_unfit, void *data);

bool vfio_ap_matrix_within(const struct vfio_ap_matrix *matrix,
			   const struct vfio_ap_limits *limits);

int vfio_ap_masks_parse(const char *text, struct vfio_ap_matrix *matrix);
void vfio_ap_masks_print(const struct vfio_ap_matrix *matrix, char *buf);
int vfio_ap_id_parse(const char *text, unsigned int limit, unsigned int *id);
size_t vfio_ap_matrix_queue_count(const struct vfio_ap_matrix *matrix);
u16 vfio_ap_matrix_nth_queue(const struct vfio_ap_matrix *matrix, size_t n);
bool vfio_ap_part_add(struct vfio_ap_part *part, const char *line, size_t length);
void vfio_ap_queue_line_print(u16 apqn, char line[VFIO_AP_QUEUE_LINE + 1]);
void vfio_ap_matrix_text_read(const struct vfio_ap_matrix *matrix, struct vfio_ap_part *part);

#endif /* VFIO_AP_MATRIX_H */
