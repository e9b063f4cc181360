// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest gets, and how matrices are read and printed. Everything here is
 * a function of its arguments; vfio_ap_matrix_test.c tries it out.
 */
#include <linux/bitmap.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "vfio_ap_matrix.h"

/**
 * vfio_ap_matrix_has - is a queue in a matrix?
 * @matrix: the matrix
 * @apid: adapter, 0 to 255
 * @apqi: domain, 0 to 255
 *
 * Context: Any.
 * Return: true if both ids are in it.
 */
bool vfio_ap_matrix_has(const struct vfio_ap_matrix *matrix, unsigned int apid, unsigned int apqi)
{
	return test_bit_inv(apid, matrix->apm) && test_bit_inv(apqi, matrix->aqm);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_has);

/**
 * vfio_ap_matrix_equal - are two matrices the same?
 * @a: one
 * @b: the other
 *
 * Context: Any.
 * Return: true if adapters, domains and control domains are.
 */
bool vfio_ap_matrix_equal(const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b)
{
	return !memcmp(a, b, sizeof(*a));
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_equal);

/**
 * vfio_ap_matrix_and - what is in both of two matrices
 * @to: the result; may be one of the others
 * @a: one
 * @b: the other
 *
 * Context: Any.
 */
void vfio_ap_matrix_and(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			const struct vfio_ap_matrix *b)
{
	bitmap_and(to->apm, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_and(to->aqm, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	bitmap_and(to->adm, a->adm, b->adm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_and);

/**
 * vfio_ap_matrix_or - what is in one of two matrices or in both
 * @to: the result; may be one of the others
 * @a: one
 * @b: the other
 *
 * Context: Any.
 */
void vfio_ap_matrix_or(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
		       const struct vfio_ap_matrix *b)
{
	bitmap_or(to->apm, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_or(to->aqm, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	bitmap_or(to->adm, a->adm, b->adm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_or);

/**
 * vfio_ap_matrix_andnot - what is in one matrix and not in another
 * @to: the result; may be one of the others
 * @a: the one
 * @b: the other
 *
 * Context: Any.
 */
void vfio_ap_matrix_andnot(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			   const struct vfio_ap_matrix *b)
{
	bitmap_andnot(to->apm, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_andnot(to->aqm, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	bitmap_andnot(to->adm, a->adm, b->adm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_andnot);

/**
 * vfio_ap_matrix_first_shared - do two matrices have a queue in common?
 * @a: one
 * @b: the other
 * @apid: set to the adapter of the lowest such queue
 * @apqi: set to its domain
 *
 * Control domains do not count: they may be shared.
 *
 * Context: Any.
 * Return: true if there is one.
 */
bool vfio_ap_matrix_first_shared(const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b,
				 unsigned int *apid, unsigned int *apqi)
{
	DECLARE_BITMAP(adapters, VFIO_AP_NR_IDS);
	DECLARE_BITMAP(domains, VFIO_AP_NR_IDS);

	bitmap_and(adapters, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_and(domains, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	*apid = find_first_bit_inv(adapters, VFIO_AP_NR_IDS);
	*apqi = find_first_bit_inv(domains, VFIO_AP_NR_IDS);
	return *apid < VFIO_AP_NR_IDS && *apqi < VFIO_AP_NR_IDS;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_first_shared);

/**
 * vfio_ap_matrix_from_config - take the masks out of a QCI block
 * @matrix: set to them
 * @config: the block
 *
 * Context: Any.
 */
void vfio_ap_matrix_from_config(struct vfio_ap_matrix *matrix,
				const struct ap_config_info *config)
{
	static_assert(sizeof(matrix->apm) == sizeof(config->apm));
	static_assert(sizeof(matrix->aqm) == sizeof(config->aqm));
	static_assert(sizeof(matrix->adm) == sizeof(config->adm));

	memcpy(matrix->apm, config->apm, sizeof(matrix->apm));
	memcpy(matrix->aqm, config->aqm, sizeof(matrix->aqm));
	memcpy(matrix->adm, config->adm, sizeof(matrix->adm));
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_from_config);

/**
 * vfio_ap_limits_from_config - the highest ids by a QCI block
 * @limits: set to them
 * @config: the block
 *
 * Only with the extended addressing facility (APXA) does it tell any; without,
 * there are 64 adapters and 16 domains.
 *
 * Context: Any.
 */
void vfio_ap_limits_from_config(struct vfio_ap_limits *limits,
				const struct ap_config_info *config)
{
	limits->apid = config->apxa ? config->Na : 63;
	limits->domain = config->apxa ? config->Nd : 15;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_limits_from_config);

/* Does the guest keep, or get, an adapter, as far as its own domains go? */
static bool vfio_ap_adapter_is_usable(unsigned int apid, const struct vfio_ap_matrix *usable,
				      const struct vfio_ap_matrix *now,
				      vfio_ap_fitness_fn fitness, void *data)
{
	bool keep = test_bit_inv(apid, now->apm);
	unsigned int apqi;

	vfio_ap_for_each_id(apqi, usable->aqm) {
		switch (fitness(apid, apqi, data)) {
		case VFIO_AP_QUEUE_FIT:
			break;
		case VFIO_AP_QUEUE_PENDING:
			if (!keep)
				return false;
			break;
		case VFIO_AP_QUEUE_BAD:
			return false;
		}
	}
	return true;
}

/* A domain waits while a queue of it that the guest does not have is pending. */
static bool vfio_ap_domain_is_usable(unsigned int apqi, const unsigned long *apm,
				     const struct vfio_ap_matrix *now,
				     vfio_ap_fitness_fn fitness, void *data)
{
	unsigned int apid;

	vfio_ap_for_each_id(apid, apm) {
		if (!vfio_ap_matrix_has(now, apid, apqi) &&
		    fitness(apid, apqi, data) != VFIO_AP_QUEUE_FIT)
			return false;
	}
	return true;
}

/**
 * vfio_ap_matrix_derive - what a guest gets
 * @guest: the result; none of the other matrices
 * @assigned: what the administrator assigned
 * @host: what the host may give away
 * @now: what the APCB holds; empty at attach and without a guest
 * @fitness: asked for queues of @assigned and @host
 * @data: passed to @fitness
 *
 * The APCB can only hold whole adapters times whole domains, so one bad queue
 * costs its adapter. A pending queue holds back what was to be added and takes
 * nothing from the guest.
 *
 * Context: Any; @fitness may restrict it.
 */
void vfio_ap_matrix_derive(struct vfio_ap_matrix *guest, const struct vfio_ap_matrix *assigned,
			   const struct vfio_ap_matrix *host, const struct vfio_ap_matrix *now,
			   vfio_ap_fitness_fn fitness, void *data)
{
	struct vfio_ap_matrix usable;
	unsigned int id;

	vfio_ap_matrix_and(&usable, assigned, host);
	*guest = (struct vfio_ap_matrix){};
	bitmap_copy(guest->adm, usable.adm, VFIO_AP_NR_IDS);

	vfio_ap_for_each_id(id, usable.apm) {
		if (vfio_ap_adapter_is_usable(id, &usable, now, fitness, data))
			set_bit_inv(id, guest->apm);
	}
	vfio_ap_for_each_id(id, usable.aqm) {
		if (vfio_ap_domain_is_usable(id, guest->apm, now, fitness, data))
			set_bit_inv(id, guest->aqm);
	}
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_derive);

/**
 * vfio_ap_id_parse - read an adapter or domain id that was written to sysfs
 * @text: decimal, 0x hexadecimal or 0 octal; one newline may follow
 * @limit: the highest valid id
 * @id: set on success
 *
 * Context: Any.
 * Return: 0; -EINVAL no number; -ERANGE more than 64 bits; -ENODEV above @limit.
 */
int vfio_ap_id_parse(const char *text, unsigned int limit, unsigned int *id)
{
	unsigned long value;
	int ret;

	ret = kstrtoul(text, 0, &value);
	if (ret)
		return ret;
	if (value > limit)
		return -ENODEV;
	*id = value;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_id_parse);

/*
 * The text has one line for each queue; with no domains one for each adapter,
 * with no adapters one for each domain. All lines of one text are of the same
 * length, so any part of it can be printed without the rest.
 */
#define VFIO_AP_LINE_MAX 16

static size_t vfio_ap_line_print(const struct vfio_ap_matrix *matrix, unsigned int apid,
				 unsigned int apqi, char line[VFIO_AP_LINE_MAX])
{
	if (bitmap_empty(matrix->aqm, VFIO_AP_NR_IDS))
		return scnprintf(line, VFIO_AP_LINE_MAX, "%02x.\n", apid);
	if (bitmap_empty(matrix->apm, VFIO_AP_NR_IDS))
		return scnprintf(line, VFIO_AP_LINE_MAX, ".%04x\n", apqi);
	return scnprintf(line, VFIO_AP_LINE_MAX, "%02x.%04x\n", apid, apqi);
}

static size_t vfio_ap_line_count(const struct vfio_ap_matrix *matrix)
{
	size_t adapters = bitmap_weight(matrix->apm, VFIO_AP_NR_IDS);
	size_t domains = bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS);

	return adapters && domains ? adapters * domains : adapters + domains;
}

/* The n-th id of a mask, n from 0; the mask has more than n. */
static unsigned int vfio_ap_nth_id(const unsigned long *mask, size_t n)
{
	unsigned int id;

	vfio_ap_for_each_id(id, mask) {
		if (!n--)
			break;
	}
	return id;
}

/**
 * vfio_ap_matrix_text_size - length of the text of a matrix
 * @matrix: the matrix
 *
 * Context: Any.
 * Return: Characters, up to 512 KiB; no byte for a final NUL.
 */
size_t vfio_ap_matrix_text_size(const struct vfio_ap_matrix *matrix)
{
	char line[VFIO_AP_LINE_MAX];

	return vfio_ap_line_count(matrix) * vfio_ap_line_print(matrix, 0, 0, line);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_text_size);

/**
 * vfio_ap_matrix_text_read - print a part of the text of a matrix
 * @matrix: the matrix
 * @buf: where to
 * @offset: of the first character
 * @count: space in @buf
 *
 * Context: Any.
 * Return: The number of characters put into @buf, less than @count only at the
 * end of the text. No final NUL is written.
 */
size_t vfio_ap_matrix_text_read(const struct vfio_ap_matrix *matrix, char *buf, size_t offset,
				size_t count)
{
	size_t domains = max(bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS), 1U);
	size_t lines = vfio_ap_line_count(matrix);
	char line[VFIO_AP_LINE_MAX];
	size_t length = vfio_ap_line_print(matrix, 0, 0, line);
	size_t nr, done = 0;

	for (nr = offset / length; nr < lines && done < count; nr++) {
		unsigned int apid = vfio_ap_nth_id(matrix->apm, nr / domains);
		unsigned int apqi = vfio_ap_nth_id(matrix->aqm, nr % domains);
		size_t skip = (offset + done) % length;
		size_t part = min(length - skip, count - done);

		vfio_ap_line_print(matrix, apid, apqi, line);
		memcpy(buf + done, line + skip, part);
		done += part;
	}
	return done;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_text_read);
