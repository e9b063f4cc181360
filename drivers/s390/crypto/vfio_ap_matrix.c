// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest gets, and how matrices are read and printed. Everything here is
 * a function of its arguments; vfio_ap_matrix_test.c tries it out.
 */
#include <linux/bitmap.h>
#include <linux/hex.h>
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

/* bitmap_intersects() is a call and a loop. */
static bool vfio_ap_mask_meets(const unsigned long *a, const unsigned long *b)
{
	static_assert(BITS_TO_LONGS(VFIO_AP_NR_IDS) == 4);

	return (a[0] & b[0]) | (a[1] & b[1]) | (a[2] & b[2]) | (a[3] & b[3]);
}

/**
 * vfio_ap_matrix_replace - one matrix in place of another
 * @to: the result
 * @a: the one that goes
 * @b: the one that comes
 *
 * For where vfio_ap_matrix_or() and vfio_ap_matrix_andnot() fit, too.
 *
 * Context: Any.
 */
void vfio_ap_matrix_replace(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			    const struct vfio_ap_matrix *b)
{
	*to = *b;
}

/**
 * vfio_ap_matrix_first_shared - do two matrices have a queue in common?
 * @a: one
 * @b: the other
 * @apid: set, if so, to the adapter of the lowest such queue
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

	/* Most share nothing, and this is asked for every mdev. */
	if (!vfio_ap_mask_meets(a->apm, b->apm) || !vfio_ap_mask_meets(a->aqm, b->aqm))
		return false;
	bitmap_and(adapters, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_and(domains, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	*apid = find_first_bit_inv(adapters, VFIO_AP_NR_IDS);
	*apqi = find_first_bit_inv(domains, VFIO_AP_NR_IDS);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_first_shared);

static bool vfio_ap_mask_within(const unsigned long *mask, unsigned int limit)
{
	return find_next_bit_inv(mask, VFIO_AP_NR_IDS, limit + 1) >= VFIO_AP_NR_IDS;
}

/**
 * vfio_ap_matrix_within - can a machine have all of a matrix?
 * @matrix: the matrix
 * @limits: the highest ids of the machine
 *
 * Context: Any.
 * Return: true if no id is above them.
 */
bool vfio_ap_matrix_within(const struct vfio_ap_matrix *matrix,
			   const struct vfio_ap_limits *limits)
{
	return vfio_ap_mask_within(matrix->apm, limits->apid) &&
	       vfio_ap_mask_within(matrix->aqm, limits->domain) &&
	       vfio_ap_mask_within(matrix->adm, limits->domain);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_within);

/**
 * vfio_ap_matrix_adds_queues - has a matrix adapters or domains that another has not?
 * @new: the one
 * @old: the other
 *
 * Control domains do not count.
 *
 * Context: Any.
 * Return: true if so.
 */
bool vfio_ap_matrix_adds_queues(const struct vfio_ap_matrix *new,
				const struct vfio_ap_matrix *old)
{
	return !bitmap_subset(new->apm, old->apm, VFIO_AP_NR_IDS) ||
	       !bitmap_subset(new->aqm, old->aqm, VFIO_AP_NR_IDS);
}

/* The first id from one on that is in a mask and, if there is one, not in the other. */
static __always_inline unsigned int vfio_ap_mask_next(const unsigned long *in,
						      const unsigned long *except, unsigned int id)
{
	unsigned long word, bits, kept = ~0UL >> (id % BITS_PER_LONG);

	for (word = id / BITS_PER_LONG; word < BITS_TO_LONGS(VFIO_AP_NR_IDS); word++) {
		bits = in[word] & kept;
		if (except)
			bits &= ~except[word];
		if (bits)
			return word * BITS_PER_LONG + BITS_PER_LONG - 1 - __fls(bits);
		kept = ~0UL;
	}
	return VFIO_AP_NR_IDS;
}

/**
 * vfio_ap_matrix_next - the next queue that is in one matrix and not in another
 * @in: the one
 * @except: the other, or NULL
 * @apqn: the lowest APQN to consider, 0 to 65536; set to the one found
 *
 * Context: Any.
 * Return: true if there is one.
 */
bool vfio_ap_matrix_next(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			 unsigned long *apqn)
{
	unsigned int first = *apqn / VFIO_AP_NR_IDS, apid, apqi;
	const unsigned long *apm_except = NULL;
	bool both;

	/* Often nothing is left, or only whole adapters are. */
	if (except && bitmap_subset(in->aqm, except->aqm, VFIO_AP_NR_IDS))
		apm_except = except->apm;
	for (apid = vfio_ap_mask_next(in->apm, apm_except, first); apid < VFIO_AP_NR_IDS;
	     apid = vfio_ap_mask_next(in->apm, apm_except, apid + 1)) {
		both = except && test_bit_inv(apid, except->apm);
		apqi = vfio_ap_mask_next(in->aqm, both ? except->aqm : NULL,
					 apid == first ? AP_QID_QUEUE(*apqn) : 0);
		if (apqi < VFIO_AP_NR_IDS) {
			*apqn = AP_MKQID(apid, apqi);
			return true;
		}
	}
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_next);

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
	limits->apid = config->apxa ? config->na : 63;
	limits->domain = config->apxa ? config->nd : 15;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_limits_from_config);

/**
 * vfio_ap_matrix_derive - what a guest gets
 * @guest: the result; none of the other matrices
 * @assigned: what the administrator assigned
 * @host: what the host may give away
 * @now: what the APCB holds; empty at attach and without a guest
 * @list_unfit: asked once for each adapter of @assigned and @host
 * @data: passed to @list_unfit
 *
 * The APCB can only hold whole adapters times whole domains, so one bad queue
 * costs its adapter. A pending queue holds back what was to be added and takes
 * nothing from the guest: an adapter, or if the guest has that, a domain.
 *
 * Context: Any; @list_unfit may restrict it.
 */
void vfio_ap_matrix_derive(struct vfio_ap_matrix *guest, const struct vfio_ap_matrix *assigned,
			   const struct vfio_ap_matrix *host, const struct vfio_ap_matrix *now,
			   vfio_ap_unfit_fn list_unfit, void *data)
{
	DECLARE_BITMAP(held_back, VFIO_AP_NR_IDS) = {};
	struct vfio_ap_matrix usable;
	struct vfio_ap_unfit unfit;
	unsigned int apid;

	vfio_ap_matrix_and(&usable, assigned, host);
	*guest = (struct vfio_ap_matrix){};
	bitmap_copy(guest->adm, usable.adm, VFIO_AP_NR_IDS);

	vfio_ap_for_each_id(apid, usable.apm) {
		list_unfit(apid, usable.aqm, &unfit, data);
		if (!bitmap_empty(unfit.bad, VFIO_AP_NR_IDS))
			continue;
		if (!test_bit_inv(apid, now->apm) && !bitmap_empty(unfit.pending, VFIO_AP_NR_IDS))
			continue;
		set_bit_inv(apid, guest->apm);
		bitmap_or(held_back, held_back, unfit.pending, VFIO_AP_NR_IDS);
	}
	bitmap_andnot(held_back, held_back, now->aqm, VFIO_AP_NR_IDS);
	bitmap_andnot(guest->aqm, usable.aqm, held_back, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_derive);

/* Reads as far as there are digits; NULL: none, or more than the mask has room for. */
static const char *vfio_ap_mask_parse(const char *text, unsigned long *mask)
{
	unsigned int id = 0, bit;
	int digit;

	bitmap_zero(mask, VFIO_AP_NR_IDS);
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (; (digit = hex_to_bin(*text)) >= 0; text++) {
		if (id == VFIO_AP_NR_IDS)
			return NULL;
		for (bit = 0; bit < 4; bit++, id++) {
			if (digit & (8 >> bit))
				set_bit_inv(id, mask);
		}
	}
	return id ? text : NULL;
}

/**
 * vfio_ap_masks_parse - read a matrix that was written to sysfs as masks
 * @text: adapters, usage domains and control domains: 1 to 64 hexadecimal digits
 *	each, 0x before them or not, with commas between; one newline may follow
 * @matrix: set on success
 *
 * The first digit is that of ids 0 to 3; what is missing at the end is 0.
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int vfio_ap_masks_parse(const char *text, struct vfio_ap_matrix *matrix)
{
	struct vfio_ap_matrix read;

	text = vfio_ap_mask_parse(text, read.apm);
	if (!text || *text++ != ',')
		return -EINVAL;
	text = vfio_ap_mask_parse(text, read.aqm);
	if (!text || *text++ != ',')
		return -EINVAL;
	text = vfio_ap_mask_parse(text, read.adm);
	if (!text)
		return -EINVAL;
	if (*text == '\n')
		text++;
	if (*text)
		return -EINVAL;
	*matrix = read;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_masks_parse);

/**
 * vfio_ap_masks_print - print a matrix as masks
 * @matrix: the matrix
 * @buf: room for VFIO_AP_MASKS_TEXT_SIZE characters and a NUL
 *
 * Context: Any.
 */
void vfio_ap_masks_print(const struct vfio_ap_matrix *matrix, char *buf)
{
	const unsigned long *masks[] = { matrix->apm, matrix->aqm, matrix->adm };
	unsigned int i, word;

	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		buf += sprintf(buf, "0x");
		for (word = 0; word < BITS_TO_LONGS(VFIO_AP_NR_IDS); word++)
			buf += sprintf(buf, "%016lx", masks[i][word]);
		buf += sprintf(buf, i + 1 < ARRAY_SIZE(masks) ? "," : "\n");
	}
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_masks_print);

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

/**
 * vfio_ap_queue_line_print - print the line of one queue
 * @apqn: the queue
 * @line: VFIO_AP_QUEUE_LINE characters and a NUL
 */
void vfio_ap_queue_line_print(u16 apqn, char line[VFIO_AP_QUEUE_LINE + 1])
{
	scnprintf(line, VFIO_AP_QUEUE_LINE + 1, "%02x.%04x\n", AP_QID_CARD(apqn),
		  AP_QID_QUEUE(apqn));
}

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
	vfio_ap_queue_line_print(AP_MKQID(apid, apqi), line);
	return VFIO_AP_QUEUE_LINE;
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
 * vfio_ap_matrix_queue_count - how many queues has a matrix?
 * @matrix: the matrix
 *
 * Context: Any.
 * Return: 0 to 65536.
 */
size_t vfio_ap_matrix_queue_count(const struct vfio_ap_matrix *matrix)
{
	return bitmap_weight(matrix->apm, VFIO_AP_NR_IDS) *
	       bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_queue_count);

/**
 * vfio_ap_matrix_nth_queue - a queue of a matrix by its place
 * @matrix: the matrix
 * @n: the place: by adapter, then by domain; less than the number of its queues
 *
 * Context: Any.
 * Return: The APQN.
 */
u16 vfio_ap_matrix_nth_queue(const struct vfio_ap_matrix *matrix, size_t n)
{
	size_t domains = bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS);

	return AP_MKQID(vfio_ap_nth_id(matrix->apm, n / domains),
			vfio_ap_nth_id(matrix->aqm, n % domains));
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_nth_queue);

/**
 * vfio_ap_part_add - add the next line of a text to the part that a reader asked for
 * @part: the part
 * @line: the line, with its newline
 * @length: characters in @line
 *
 * The caller may skip lines that end before @part->offset if it subtracts their
 * length from @part->offset.
 *
 * Return: true while @part needs more lines.
 */
bool vfio_ap_part_add(struct vfio_ap_part *part, const char *line, size_t length)
{
	size_t skip = min(part->offset, length);
	size_t copied = min(length - skip, part->count - part->done);

	part->offset -= skip;
	memcpy(part->buf + part->done, line + skip, copied);
	part->done += copied;
	return part->done < part->count;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_part_add);

/**
 * vfio_ap_matrix_text_read - print a part of the text of a matrix
 * @matrix: the matrix
 * @part: the part; afterwards, @part->done is less than @part->count only at the
 *	end of the text
 */
void vfio_ap_matrix_text_read(const struct vfio_ap_matrix *matrix, struct vfio_ap_part *part)
{
	size_t domains = max(bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS), 1U);
	size_t lines = vfio_ap_line_count(matrix);
	char line[VFIO_AP_LINE_MAX];
	size_t length = vfio_ap_line_print(matrix, 0, 0, line);
	size_t nr = part->offset / length;

	for (part->offset %= length; nr < lines; nr++) {
		vfio_ap_line_print(matrix, vfio_ap_nth_id(matrix->apm, nr / domains),
				   vfio_ap_nth_id(matrix->aqm, nr % domains), line);
		if (!vfio_ap_part_add(part, line, length))
			break;
	}
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_text_read);
