// SPDX-License-Identifier: GPL-2.0
/*
 * A guest program for "qemu-system-s390x -kernel". It prints the guest's AP queues on the
 * SCLP console: "AP: 04.0004" when they change, and "AP now: 04.0004" when the user types
 * an l. It ends when the user types a q. The program leaves out queues for which TAPQ returns
 * response code 01, and prints any other nonzero code after the APQN: "04.0004:03".
 *
 * The program scans for queues 20 times a second. Between scans, it loads a wait PSW, as
 * an idle guest does.
 */

#define ADAPTERS	256
#define SCCB_SIZE	4096
#define TEXT_SIZE	3800

#define SCLP_READ_EVENT		0x00770005
#define SCLP_WRITE_EVENT	0x00760005
#define SCLP_WRITE_MASK		0x00780005
#define SCLP_NORMAL		0x0020
#define EVENT_ASCII		0x1a
#define EVENT_ASCII_MASK	(1U << (32 - EVENT_ASCII))

#define QUEUE_NOT_AVAILABLE	0x01

/* Bit 51 of the TOD clock changes once per microsecond. */
#define TOD_MS		(1000UL << 12)
#define CR0_CLOCK_COMPARATOR	0x800UL
#define EXTERNAL_NEW_PSW	0x1b0UL

struct sccb {
	unsigned short length;
	unsigned char function;
	unsigned char control[3];
	unsigned short response;
	union {
		struct {
			unsigned short reserved;
			unsigned short size;
			unsigned int cp_receive, cp_send, sclp_receive, sclp_send;
		} masks;
		struct {
			unsigned short length;
			unsigned char type;
			unsigned char flags;
			unsigned short reserved;
			char data[SCCB_SIZE - 14];
		} event;
	};
};

struct qci {
	unsigned char info[16];
	unsigned char adapters[ADAPTERS / 8], domains[ADAPTERS / 8], controls[ADAPTERS / 8];
	unsigned char reserved[16];
};

static struct sccb sccb __attribute__((aligned(SCCB_SIZE)));
static struct qci qci __attribute__((aligned(128)));
static char text[TEXT_SIZE], shown[TEXT_SIZE];
static unsigned int length;

void *memset(void *to, int c, unsigned long n)
{
	unsigned char *d = to;

	while (n--)
		*d++ = c;
	return to;
}

static int sclp(unsigned int command)
{
	int cc;

	do {
		asm volatile(".insn rre,0xb2200000,%1,%2\nipm %0\nsrl %0,28"
			     : "=d" (cc) : "d" (command), "a" (&sccb) : "cc", "memory");
	} while (cc == 2);
	return !cc && sccb.response == SCLP_NORMAL;
}

static void sccb_prepare(unsigned int size)
{
	memset(&sccb, 0, sizeof(sccb));
	sccb.length = size;
}

static void console_open(void)
{
	sccb_prepare(28);
	sccb.masks.size = 4;
	sccb.masks.cp_receive = EVENT_ASCII_MASK;
	sccb.masks.cp_send = EVENT_ASCII_MASK;
	sclp(SCLP_WRITE_MASK);
}

static void console_print(const char *what, const char *line, unsigned int n)
{
	unsigned int i, size = 0;

	sccb_prepare(SCCB_SIZE);
	while (*what)
		sccb.event.data[size++] = *what++;
	for (i = 0; i < n; i++)
		sccb.event.data[size++] = line[i];
	sccb.length = 8 + 6 + size;
	sccb.event.length = 6 + size;
	sccb.event.type = EVENT_ASCII;
	sclp(SCLP_WRITE_EVENT);
}

/* Return 1 if the input that console_read() read last contains @key. */
static int typed(char key)
{
	unsigned int i;

	for (i = 1; i + 6 < sccb.event.length; i++) {
		if (sccb.event.data[i] == key)
			return 1;
	}
	return 0;
}

static void console_read(void)
{
	sccb_prepare(SCCB_SIZE);
	if (!sclp(SCLP_READ_EVENT) || sccb.event.type != EVENT_ASCII)
		sccb.event.length = 0;
}

static void put(char c)
{
	if (length < TEXT_SIZE)
		text[length++] = c;
}

static void put_text(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_hex(unsigned int value, int digits)
{
	while (digits--)
		put("0123456789abcdef"[value >> 4 * digits & 15]);
}

static int pqap(unsigned long function, unsigned long *status, void *block)
{
	register unsigned long r0 asm("0") = function;
	register unsigned long r1 asm("1") = 0;
	register unsigned long r2 asm("2") = (unsigned long)block;
	int cc;

	asm volatile(".insn rre,0xb2af0000,0,0\nipm %[cc]\nsrl %[cc],28"
		     : [cc] "=&d" (cc), "+d" (r0), "+d" (r1), "+d" (r2) : : "cc", "memory");
	*status = r1;
	return cc;
}

static unsigned int queue_response(unsigned int apid, unsigned int apqi)
{
	unsigned long status;

	pqap(apid << 8 | apqi, &status, 0);
	return status >> 16 & 0xff;
}

static int in_mask(const unsigned char *ids, unsigned int id)
{
	return ids[id / 8] & 0x80 >> id % 8;
}

static void queue_put(unsigned int apid, unsigned int apqi, unsigned int response)
{
	put(' ');
	put_hex(apid, 2);
	put('.');
	put_hex(apqi, 4);
	if (response) {
		put(':');
		put_hex(response, 2);
	}
}

static void queues_find(void)
{
	unsigned int apid, apqi, response;
	unsigned long status;

	length = 0;
	if (pqap(4UL << 24, &status, &qci)) {
		put_text(" no QCI\n");
		return;
	}
	for (apid = 0; apid < ADAPTERS; apid++) {
		for (apqi = 0; in_mask(qci.adapters, apid) && apqi < ADAPTERS; apqi++) {
			if (!in_mask(qci.domains, apqi))
				continue;
			response = queue_response(apid, apqi);
			if (response != QUEUE_NOT_AVAILABLE)
				queue_put(apid, apqi, response);
		}
	}
	if (!length)
		put_text(" none");
	put('\n');
}

static int queues_changed(void)
{
	unsigned int i;
	int changed = 0;

	for (i = 0; i < length; i++) {
		changed |= shown[i] != text[i];
		shown[i] = text[i];
	}
	return changed;
}

/* Load a wait PSW, and continue after the clock comparator has caused an interruption. */
static void wait_ms(unsigned long ms)
{
	static const unsigned long cr0 = CR0_CLOCK_COMPARATOR;
	unsigned long psw[2] = { 0x0102000180000000UL, 0 }, tod;

	asm volatile("stck %0" : "=Q" (tod) : : "cc");
	tod += ms * TOD_MS;
	asm volatile("sckc %0\nlctlg 0,0,%1" : : "Q" (tod), "Q" (cr0) : "memory");
	asm volatile("stg %2,0(%0)\nlarl 1,0f\nstg 1,8(%0)\nlpswe 0(%1)\n0:"
		     : : "a" (EXTERNAL_NEW_PSW), "a" (psw), "d" (0x0000000180000000UL)
		     : "1", "cc", "memory");
}

void console(void)
{
	int list_requested, quit_requested;

	console_open();
	do {
		console_read();
		list_requested = typed('l');
		quit_requested = typed('q');
		/*
		 * Scan after reading the console, because the reply to an l must reflect
		 * all changes that preceded the l.
		 */
		queues_find();
		if (queues_changed())
			console_print("AP:", text, length);
		if (list_requested)
			console_print("AP now:", text, length);
		wait_ms(50);
	} while (!quit_requested);
	console_print("bye\n", text, 0);
}
