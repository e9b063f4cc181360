// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on matrices, the computation of what a guest gets, and the text formats of the
 * sysfs attributes. The result of each function depends only on its arguments, so
 * vfio_ap_matrix_test.c can test these functions without hardware.
 */
#include <linux/bitmap.h>
#include <linux/hex.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "vfio_ap_matrix.h"

const struct vfio_ap_matrix vfio_ap_matrix_empty;

/* Tests whether the matrix has the queue of adapter @apid and domain @apqi. */
bool vfio_ap_matrix_has(const struct vfio_ap_matrix *matrix, unsigned int apid, unsigned int apqi)
{
	return test_bit_inv(apid, matrix->apm) && test_bit_inv(apqi, matrix->aqm);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_has);

/* Compares the adapters, the usage domains and the control domains. */
bool vfio_ap_matrix_equal(const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b)
{
	return !memcmp(a, b, sizeof(*a));
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_equal);

/* For this function and the next two, @to may point to the same matrix as @a or @b. */
void vfio_ap_matrix_and(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			const struct vfio_ap_matrix *b)
{
	bitmap_and(to->apm, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_and(to->aqm, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	bitmap_and(to->adm, a->adm, b->adm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_and);

void vfio_ap_matrix_or(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
		       const struct vfio_ap_matrix *b)
{
	bitmap_or(to->apm, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_or(to->aqm, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	bitmap_or(to->adm, a->adm, b->adm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_or);

void vfio_ap_matrix_andnot(struct vfio_ap_matrix *to, const struct vfio_ap_matrix *a,
			   const struct vfio_ap_matrix *b)
{
	bitmap_andnot(to->apm, a->apm, b->apm, VFIO_AP_NR_IDS);
	bitmap_andnot(to->aqm, a->aqm, b->aqm, VFIO_AP_NR_IDS);
	bitmap_andnot(to->adm, a->adm, b->adm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_andnot);

/* Faster than bitmap_intersects(), which needs a function call and a loop. */
static bool vfio_ap_mask_meets(const unsigned long *a, const unsigned long *b)
{
	static_assert(BITS_TO_LONGS(VFIO_AP_NR_IDS) == 4);

	return (a[0] & b[0]) | (a[1] & b[1]) | (a[2] & b[2]) | (a[3] & b[3]);
}

/**
 * vfio_ap_matrix_first_shared - find the first queue that two matrices share
 * @a: a matrix
 * @b: another matrix
 * @apid: receives the queue's adapter
 * @apqi: receives the queue's domain
 *
 * Ignores control domains, because several mdevs may have the same control domain.
 *
 * Return: true if the matrices share a queue.
 */
bool vfio_ap_matrix_first_shared(const struct vfio_ap_matrix *a, const struct vfio_ap_matrix *b,
				 unsigned int *apid, unsigned int *apqi)
{
	DECLARE_BITMAP(adapters, VFIO_AP_NR_IDS);
	DECLARE_BITMAP(domains, VFIO_AP_NR_IDS);

	/*
	 * Fast path: callers compare a matrix with the matrices of all mdevs, and most of these
	 * matrices share no queue with it.
	 */
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

/* Tests whether all ids in the matrix are within the limits. */
bool vfio_ap_matrix_within(const struct vfio_ap_matrix *matrix,
			   const struct vfio_ap_limits *limits)
{
	return vfio_ap_mask_within(matrix->apm, limits->apid) &&
	       vfio_ap_mask_within(matrix->aqm, limits->domain) &&
	       vfio_ap_mask_within(matrix->adm, limits->domain);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_within);

/* Tests whether @new has an adapter or a usage domain that @old lacks. */
bool vfio_ap_matrix_adds_queues(const struct vfio_ap_matrix *new,
				const struct vfio_ap_matrix *old)
{
	return !bitmap_subset(new->apm, old->apm, VFIO_AP_NR_IDS) ||
	       !bitmap_subset(new->aqm, old->aqm, VFIO_AP_NR_IDS);
}

/* Return: the lowest id >= @id in @in but not in @except (may be NULL), or VFIO_AP_NR_IDS. */
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
 * vfio_ap_matrix_next - find the next queue that is in one matrix but not in another
 * @in: the matrix that contains the queue
 * @except: the matrix that does not contain the queue, or NULL
 * @apqn: the lowest APQN to consider, 0 to 65536; set to the APQN found
 *
 * Return: true if there is such a queue.
 */
bool vfio_ap_matrix_next(const struct vfio_ap_matrix *in, const struct vfio_ap_matrix *except,
			 unsigned long *apqn)
{
	unsigned int first = *apqn / VFIO_AP_NR_IDS, apid, apqi;
	const unsigned long *apm_except = NULL;
	bool both;

	/* If @except has all domains of @in, skip the adapters that both matrices have. */
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

/* Copies the masks from the result of PQAP(QCI). */
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

/* QCI returns the highest ids only if the extended addressing facility (APXA) is installed. */
void vfio_ap_limits_from_config(struct vfio_ap_limits *limits,
				const struct ap_config_info *config)
{
	limits->apid = config->apxa ? config->na : 63;
	limits->domain = config->apxa ? config->nd : 15;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_limits_from_config);

/**
 * vfio_ap_matrix_derive - compute what a guest gets
 * @guest: the result; must not be one of the other matrices
 * @assigned: the assigned matrix
 * @host: the adapters and domains that guests may have
 * @now: the guest's current matrix; empty while attaching a guest, or if there is no guest
 * @list_unfit: called once for each adapter that is in both @assigned and @host
 * @data: passed to @list_unfit
 *
 * The APCB has only a mask of adapters and a mask of domains, so a single queue cannot be left
 * out. A bad queue keeps its whole adapter out of the guest. A pending queue takes nothing
 * from the guest. Until its reset has completed, however, its adapter is not added or, if the
 * guest already has the adapter, its domain is not added.
 */
void vfio_ap_matrix_derive(struct vfio_ap_matrix *guest, const struct vfio_ap_matrix *assigned,
			   const struct vfio_ap_matrix *host, const struct vfio_ap_matrix *now,
			   vfio_ap_unfit_fn list_unfit, void *data)
{
	DECLARE_BITMAP(blocked, VFIO_AP_NR_IDS) = {};
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
		bitmap_or(blocked, blocked, unfit.pending, VFIO_AP_NR_IDS);
	}
	bitmap_andnot(blocked, blocked, now->aqm, VFIO_AP_NR_IDS);
	bitmap_andnot(guest->aqm, usable.aqm, blocked, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_derive);

/* Return: pointer to the first character after the digits; NULL if there are none or too many. */
static const char *vfio_ap_mask_parse(const char *text, unsigned long *mask)
{
	unsigned int id = 0, bit;
	int digit;

	bitmap_zero(mask, VFIO_AP_NR_IDS);
	if (text[0] == '0' && text[1] == 'x')
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
 * vfio_ap_masks_parse - parse three masks
 * @text: adapters, usage domains and control domains: 1 to 64 hexadecimal digits each,
 *	with or without 0x, separated by commas; newlines may follow
 * @matrix: receives the masks on success
 *
 * The first digit stands for ids 0 to 3. Omitted trailing digits count as 0.
 *
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
	/* Programs that write what they have read may add a newline. */
	if (text[strspn(text, "\n")])
		return -EINVAL;
	*matrix = read;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_masks_parse);

/**
 * vfio_ap_masks_print - print a matrix as three masks
 * @matrix: the matrix
 * @buf: receives VFIO_AP_MASKS_TEXT_SIZE characters and a NUL
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
 * vfio_ap_id_parse - parse the id of an adapter or domain
 * @text: decimal, hexadecimal with 0x, or octal with 0; a newline may follow
 * @limit: the highest valid id
 * @id: receives the id on success
 *
 * Return: 0; -EINVAL for malformed text; -ERANGE for a number of more than 64 bits; -ENODEV
 * for an id above @limit.
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

/* Prints a queue as "AA.DDDD", followed by a newline and a NUL. */
void vfio_ap_queue_line_print(u16 apqn, char line[VFIO_AP_QUEUE_LINE + 1])
{
	scnprintf(line, VFIO_AP_QUEUE_LINE + 1, "%02x.%04x\n", AP_QID_CARD(apqn),
		  AP_QID_QUEUE(apqn));
}

/*
 * The text of a matrix has a line for each queue. If there are no domains, it has a line for
 * each adapter, and if there are no adapters, a line for each domain. All lines of a text have
 * the same length, so the line at a given offset can be computed.
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

/* Return: the @n-th lowest id in a mask, counted from 0; VFIO_AP_NR_IDS if there is none. */
static unsigned int vfio_ap_nth_id(const unsigned long *mask, size_t n)
{
	unsigned int id;

	vfio_ap_for_each_id(id, mask) {
		if (!n--)
			break;
	}
	return id;
}

/* Return: the number of queues in a matrix, 0 to 65536. */
size_t vfio_ap_matrix_queue_count(const struct vfio_ap_matrix *matrix)
{
	return bitmap_weight(matrix->apm, VFIO_AP_NR_IDS) *
	       bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_queue_count);

/*
 * Return: the @n-th lowest APQN in a matrix, counted from 0. The matrix must have more than @n
 * queues.
 */
u16 vfio_ap_matrix_nth_queue(const struct vfio_ap_matrix *matrix, size_t n)
{
	size_t domains = bitmap_weight(matrix->aqm, VFIO_AP_NR_IDS);

	return AP_MKQID(vfio_ap_nth_id(matrix->apm, n / domains),
			vfio_ap_nth_id(matrix->aqm, n % domains));
}
EXPORT_SYMBOL_IF_KUNIT(vfio_ap_matrix_nth_queue);

/**
 * vfio_ap_part_add - copy the section of a line that a read() requests
 * @part: the section that the read() requests
 * @line: the line, with its newline
 * @length: number of characters in @line
 *
 * A caller that skips lines without calling this function must subtract their length from
 * part->offset.
 *
 * Return: true if there is still space in the buffer.
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
 * vfio_ap_matrix_text_read - print the section of a matrix's text that a read() requests
 * @matrix: the matrix
 * @part: the section; the buffer is filled unless the text ends earlier
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
