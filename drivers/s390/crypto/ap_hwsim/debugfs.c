// SPDX-License-Identifier: GPL-2.0
/*
 * Files in /sys/kernel/debug/s390/ap_hwsim/ that let tests control the machine and read its
 * state. Tests write one line at a time. The files are not an ABI.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/debug.h>

#include "ap_hwsim.h"
#include "sie_shadow.h"

#define HWSIM_LINE_MAX 80

/* No entry is NULL, because match_string() would stop there. */
static const char *const hwsim_function_names[HWSIM_NR_FUNCTIONS] = {
	"tapq", "rapq", "zapq", "aqic", "qci", "qact", "", "bapq", "aapq", "nqap", "dqap",
};

static int hwsim_id_parse(const char *text, unsigned int limit, unsigned int *id)
{
	int ret = kstrtouint(text, 16, id);

	if (ret)
		return ret;
	return *id > limit ? -ERANGE : 0;
}

/* Call @apply for each queue that matches @text, which is AA.DDDD with * for any id. */
static int hwsim_queues_apply(char *text, int (*apply)(struct hwsim_queue *queue, void *data),
			      void *data)
{
	unsigned int apid = 0, apqi = 0;
	struct hwsim_queue *queue;
	char *domain = text;
	char *adapter = strsep(&domain, ".");
	int ret = -ENOENT;

	if (!domain)
		return -EINVAL;
	if (strcmp(adapter, "*") && kstrtouint(adapter, 16, &apid))
		return -EINVAL;
	if (strcmp(domain, "*") && kstrtouint(domain, 16, &apqi))
		return -EINVAL;

	guard(spinlock_irqsave)(&hwsim_lock);
	list_for_each_entry(queue, &hwsim_queues, node) {
		if ((*adapter != '*' && queue->apqn >> 8 != apid) ||
		    (*domain != '*' && (queue->apqn & 0xff) != apqi))
			continue;
		ret = apply(queue, data);
		if (ret)
			break;
	}
	return ret;
}

static int hwsim_reset_write(char *line)
{
	if (strcmp(line, "1"))
		return -EINVAL;
	hwsim_config_reset();
	hwsim_fault_gisc(0);
	hwsim_hold_release_all();
	hwsim_fault_gisc_hold(false);
	return hwsim_uv_offer(false, false);
}

static int hwsim_mask_change(char *line, unsigned long *mask, unsigned int limit, bool add)
{
	unsigned int id;
	int ret = hwsim_id_parse(line, limit, &id);

	return ret ?: hwsim_config_change(mask, id, add);
}

static int hwsim_adapter_add_write(char *line)
{
	return hwsim_mask_change(line, hwsim.apm, hwsim.apid_max, true);
}

static int hwsim_adapter_del_write(char *line)
{
	return hwsim_mask_change(line, hwsim.apm, hwsim.apid_max, false);
}

static int hwsim_domain_add_write(char *line)
{
	return hwsim_mask_change(line, hwsim.aqm, hwsim.domain_max, true);
}

static int hwsim_domain_del_write(char *line)
{
	return hwsim_mask_change(line, hwsim.aqm, hwsim.domain_max, false);
}

static int hwsim_control_add_write(char *line)
{
	return hwsim_mask_change(line, hwsim.adm, hwsim.domain_max, true);
}

static int hwsim_control_del_write(char *line)
{
	return hwsim_mask_change(line, hwsim.adm, hwsim.domain_max, false);
}

static int hwsim_power_change(char *line, bool on)
{
	unsigned int apid;
	int ret = hwsim_id_parse(line, hwsim.apid_max, &apid);

	return ret ?: hwsim_config_adapter(apid, on);
}

static int hwsim_configure_write(char *line)
{
	return hwsim_power_change(line, true);
}

static int hwsim_deconfigure_write(char *line)
{
	return hwsim_power_change(line, false);
}

static int hwsim_checkstop_apply(struct hwsim_queue *queue, void *data)
{
	if (queue->checkstop != *(bool *)data)
		hwsim_queue_power(queue);
	queue->checkstop = *(bool *)data;
	return 0;
}

static int hwsim_checkstop_write(char *line)
{
	bool on = true;

	return hwsim_queues_apply(line, hwsim_checkstop_apply, &on);
}

static int hwsim_checkstop_end_write(char *line)
{
	bool on = false;

	return hwsim_queues_apply(line, hwsim_checkstop_apply, &on);
}

struct hwsim_respond {
	enum hwsim_function function;
	struct hwsim_response response;
};

static int hwsim_respond_apply(struct hwsim_queue *queue, void *data)
{
	const struct hwsim_respond *respond = data;

	queue->responses[respond->function] = respond->response;
	return 0;
}

static int hwsim_respond_write(char *line)
{
	char *queue = strsep(&line, " "), *function = strsep(&line, " ");
	char *code = strsep(&line, " "), *count = line;
	struct hwsim_respond respond;
	int ret;

	if (!function || !code || !count)
		return -EINVAL;
	ret = match_string(hwsim_function_names, HWSIM_NR_FUNCTIONS, function);
	if (ret < 0 || ret == HWSIM_QCI || ret == HWSIM_NO_FUNCTION)
		return -EINVAL;
	respond.function = ret;
	ret = kstrtou8(code, 16, &respond.response.code);
	if (ret)
		return ret;
	respond.response.count = -1;
	if (strcmp(count, "forever")) {
		ret = kstrtoint(count, 10, &respond.response.count);
		if (ret || respond.response.count < 0)
			return -EINVAL;
	}
	return hwsim_queues_apply(queue, hwsim_respond_apply, &respond);
}

struct hwsim_reset_time {
	bool release;
	enum hwsim_reset_mode mode;
	unsigned int value;
};

static int hwsim_reset_time_apply(struct hwsim_queue *queue, void *data)
{
	const struct hwsim_reset_time *time = data;

	if (time->release) {
		if (queue->resetting && queue->mode == HWSIM_RESET_HOLD)
			hwsim_queue_complete_reset(queue);
		queue->mode = hwsim.reset_mode;
		queue->mode_value = hwsim.reset_value;
		return 0;
	}
	queue->mode = time->mode;
	queue->mode_value = time->value;
	return 0;
}

static int hwsim_reset_time_write(char *line)
{
	char *queue = strsep(&line, " "), *word = strsep(&line, " ");
	struct hwsim_reset_time time = {};

	if (!word)
		return -EINVAL;
	if (!strcmp(word, "release") && !line)
		time.release = true;
	else if (!strcmp(word, "hold") && !line)
		time.mode = HWSIM_RESET_HOLD;
	else if (line && !strcmp(word, "polls") && !kstrtouint(line, 10, &time.value))
		time.mode = HWSIM_RESET_POLLS;
	else if (line && !strcmp(word, "ms") && !kstrtouint(line, 10, &time.value))
		time.mode = HWSIM_RESET_MS;
	else
		return -EINVAL;
	return hwsim_queues_apply(queue, hwsim_reset_time_apply, &time);
}

static int hwsim_aqic_delay_apply(struct hwsim_queue *queue, void *data)
{
	queue->aqic_delay = *(unsigned int *)data;
	queue->irq_delay = min(queue->irq_delay, queue->aqic_delay);
	return 0;
}

static int hwsim_aqic_delay_write(char *line)
{
	char *queue = strsep(&line, " ");
	unsigned int polls;

	if (!line || kstrtouint(line, 10, &polls))
		return -EINVAL;
	return hwsim_queues_apply(queue, hwsim_aqic_delay_apply, &polls);
}

static int hwsim_reply_apply(struct hwsim_queue *queue, void *data)
{
	queue->forced_replies++;
	hwsim_irq_raise(queue);
	return 0;
}

static int hwsim_reply_write(char *line)
{
	return hwsim_queues_apply(line, hwsim_reply_apply, NULL);
}

static int hwsim_unpinned_nib_apply(struct hwsim_queue *queue, void *data)
{
	return hwsim_fault_unpinned_nib(queue);
}

static int hwsim_foreign_gisa_apply(struct hwsim_queue *queue, void *data)
{
	return hwsim_fault_foreign_gisa(queue);
}

static int hwsim_apqn_apply(struct hwsim_queue *queue, void *data)
{
	*(u16 *)data = queue->apqn;
	return 0;
}

static int hwsim_provoke_write(char *line)
{
	char *kind = strsep(&line, " ");
	u16 apqn;
	int ret;

	if (!line)
		return -EINVAL;
	if (!strcmp(kind, hwsim_violation_names[HWSIM_UNPINNED_NIB]))
		return hwsim_queues_apply(line, hwsim_unpinned_nib_apply, NULL);
	if (!strcmp(kind, hwsim_violation_names[HWSIM_FOREIGN_GISA]))
		return hwsim_queues_apply(line, hwsim_foreign_gisa_apply, NULL);
	if (strcmp(kind, hwsim_violation_names[HWSIM_APCB_IN_SIE]))
		return -EINVAL;
	ret = hwsim_queues_apply(line, hwsim_apqn_apply, &apqn);
	return ret ?: hwsim_fault_apcb_in_sie(apqn);
}

static int hwsim_ids_parse(const char *text, unsigned int limit, unsigned long *mask)
{
	if (strcmp(text, "none"))
		return hwsim_mask_parse(text, limit, mask);
	bitmap_zero(mask, HWSIM_IDS);
	return 0;
}

static int hwsim_apcb_write(char *line)
{
	char *guest = strsep(&line, " "), *adapters = strsep(&line, " ");
	struct hwsim_apcb apcb;
	unsigned int id;
	int ret;

	if (!adapters || !line || kstrtouint(guest, 10, &id))
		return -EINVAL;
	ret = hwsim_ids_parse(adapters, hwsim.apid_max, apcb.apm);
	if (!ret)
		ret = hwsim_ids_parse(line, hwsim.domain_max, apcb.aqm);
	if (ret)
		return ret;
	bitmap_copy(apcb.adm, apcb.aqm, HWSIM_IDS);
	return hwsim_fault_apcb(id, &apcb);
}

static int hwsim_signal_write(char *line)
{
	char *guest = strsep(&line, " ");
	unsigned int id;
	int fd;

	if (!line || kstrtouint(guest, 10, &id) || kstrtoint(line, 10, &fd))
		return -EINVAL;
	return hwsim_fault_signal(id, fd);
}

static int hwsim_hold_write(char *line)
{
	return hwsim_hold_begin(line);
}

static int hwsim_release_write(char *line)
{
	return hwsim_hold_release(line);
}

static int hwsim_qci_write(char *line)
{
	bool installed;

	if (kstrtobool(line, &installed))
		return -EINVAL;
	guard(spinlock_irqsave)(&hwsim_lock);
	hwsim.no_qci = !installed;
	return 0;
}

static int hwsim_ultravisor_write(char *line)
{
	bool on, aiv = !strcmp(line, "aiv");

	if (!aiv && kstrtobool(line, &on))
		return -EINVAL;
	return hwsim_uv_offer(aiv || on, aiv);
}

static int hwsim_uv_respond_write(char *line)
{
	char *command = strsep(&line, " "), *code = strsep(&line, " ");
	unsigned int count;
	u16 cmd, rc = 0;
	bool busy;

	if (!code || !line || kstrtou16(command, 16, &cmd) || kstrtouint(line, 10, &count))
		return -EINVAL;
	busy = !strcmp(code, "busy");
	if (!busy && kstrtou16(code, 16, &rc))
		return -EINVAL;
	hwsim_uv_respond(cmd, rc, busy, count);
	return 0;
}

static int hwsim_gisc_fail_write(char *line)
{
	unsigned int count;

	if (kstrtouint(line, 10, &count) || count > INT_MAX)
		return -EINVAL;
	hwsim_fault_gisc(count);
	return 0;
}

static int hwsim_gisc_hold_write(char *line)
{
	bool hold;

	if (kstrtobool(line, &hold))
		return -EINVAL;
	hwsim_fault_gisc_hold(hold);
	return 0;
}

static int hwsim_check_write(char *line)
{
	if (strcmp(line, "1"))
		return -EINVAL;
	hwsim_watch_check_missed();
	hwsim_check_at_rest();
	return 0;
}

static int hwsim_mmap_lock_write(char *line)
{
	pid_t pid;

	if (kstrtoint(line, 10, &pid))
		return -EINVAL;
	return hwsim_stall_mmap(pid);
}

static int hwsim_page_lock_write(char *line)
{
	char *process = strsep(&line, " ");
	unsigned long addr;
	pid_t pid;

	if (!line || kstrtoul(line, 16, &addr) || kstrtoint(process, 10, &pid))
		return -EINVAL;
	return hwsim_stall_page(pid, addr);
}

static const struct hwsim_knob {
	const char *name;
	int (*write)(char *line);
} hwsim_knobs[] = {
	{ "reset", hwsim_reset_write },
	{ "adapter_add", hwsim_adapter_add_write },
	{ "adapter_del", hwsim_adapter_del_write },
	{ "domain_add", hwsim_domain_add_write },
	{ "domain_del", hwsim_domain_del_write },
	{ "control_add", hwsim_control_add_write },
	{ "control_del", hwsim_control_del_write },
	{ "configure", hwsim_configure_write },
	{ "deconfigure", hwsim_deconfigure_write },
	{ "checkstop", hwsim_checkstop_write },
	{ "checkstop_end", hwsim_checkstop_end_write },
	{ "respond", hwsim_respond_write },
	{ "reset_time", hwsim_reset_time_write },
	{ "aqic_delay", hwsim_aqic_delay_write },
	{ "reply", hwsim_reply_write },
	{ "qci", hwsim_qci_write },
	{ "ultravisor", hwsim_ultravisor_write },
	{ "uv_respond", hwsim_uv_respond_write },
	{ "gisc_fail", hwsim_gisc_fail_write },
	{ "gisc_hold", hwsim_gisc_hold_write },
	{ "check", hwsim_check_write },
	{ "apcb", hwsim_apcb_write },
	{ "signal", hwsim_signal_write },
	{ "hold", hwsim_hold_write },
	{ "release", hwsim_release_write },
	{ "mmap_lock", hwsim_mmap_lock_write },
	{ "page_lock", hwsim_page_lock_write },
	{ "provoke", hwsim_provoke_write },
};

static ssize_t hwsim_knob_write(struct file *file, const char __user *text, size_t count,
				loff_t *ppos)
{
	const struct hwsim_knob *knob = file->private_data;
	char line[HWSIM_LINE_MAX] = {};
	int ret;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, count))
		return -EFAULT;
	ret = knob->write(strim(line));
	return ret ?: count;
}

static const struct file_operations hwsim_knob_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = hwsim_knob_write,
};

static void hwsim_state_print(struct seq_file *seq, u16 apqn)
{
	struct hwsim_guest *guest;
	struct hwsim_queue queue;
	unsigned int id = 0;

	scoped_guard(spinlock_irqsave, &hwsim_lock) {
		if (!hwsim_queue_find(&hwsim, apqn))
			return;
		hwsim_queue_settle(hwsim.queues[apqn]);
		queue = *hwsim.queues[apqn];
		list_for_each_entry(guest, &hwsim_guests, node) {
			if (hwsim_apcb_has(&guest->apcb, apqn))
				id = guest->id;
		}
	}

	seq_printf(seq, "%02x.%04x irq=%d resetting=%d held=%d dirty=%d guest=%u driver=%s",
		   apqn >> 8, apqn & 0xff, queue.irq, queue.resetting,
		   queue.resetting && queue.mode == HWSIM_RESET_HOLD, queue.dirty, id,
		   queue.driver ?: "-");
	seq_printf(seq, " tapq=%lu rapq=%lu zapq=%lu aqic=%lu nqap=%lu dqap=%lu\n",
		   queue.counts[HWSIM_TAPQ], queue.counts[HWSIM_RAPQ],
		   queue.counts[HWSIM_ZAPQ], queue.counts[HWSIM_AQIC],
		   queue.counts[HWSIM_FN_NQAP], queue.counts[HWSIM_FN_DQAP]);
}

static int hwsim_state_show(struct seq_file *seq, void *unused)
{
	unsigned int apid, apqi;

	for_each_set_bit_inv(apid, hwsim.apm, HWSIM_IDS) {
		for_each_set_bit_inv(apqi, hwsim.aqm, HWSIM_IDS)
			hwsim_state_print(seq, apid << 8 | apqi);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hwsim_state);

static int hwsim_guests_show(struct seq_file *seq, void *unused)
{
	struct hwsim_guest *guest;

	guard(spinlock_irqsave)(&hwsim_lock);
	list_for_each_entry(guest, &hwsim_guests, node) {
		const unsigned long *apm = guest->apcb.apm, *aqm = guest->apcb.aqm;
		const unsigned long *adm = guest->apcb.adm;

		seq_printf(seq, "%u pid=%d updates=%lu", guest->id, guest->pid, guest->updates);
		seq_printf(seq, " apm=0x%016lx%016lx%016lx%016lx", apm[0], apm[1], apm[2], apm[3]);
		seq_printf(seq, " aqm=0x%016lx%016lx%016lx%016lx", aqm[0], aqm[1], aqm[2], aqm[3]);
		seq_printf(seq, " adm=0x%016lx%016lx%016lx%016lx\n", adm[0], adm[1], adm[2],
			   adm[3]);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hwsim_guests);

static int hwsim_held_show(struct seq_file *seq, void *unused)
{
	hwsim_hold_print(seq);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hwsim_held);

static int hwsim_uv_pages_show(struct seq_file *seq, void *unused)
{
	hwsim_uv_pages_print(seq);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hwsim_uv_pages);

static int hwsim_violations_show(struct seq_file *seq, void *unused)
{
	static char text[8192];
	static DEFINE_MUTEX(lock);

	guard(mutex)(&lock);
	hwsim_violations_print(text, sizeof(text));
	seq_puts(seq, text);
	text[0] = '\0';
	return 0;
}

static int hwsim_violations_open(struct inode *inode, struct file *file)
{
	return single_open(file, hwsim_violations_show, NULL);
}

static ssize_t hwsim_violations_write(struct file *file, const char __user *text, size_t count,
				      loff_t *ppos)
{
	char line[4] = {};

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, count))
		return -EFAULT;
	if (strcmp(strim(line), "0"))
		return -EINVAL;
	hwsim_violations_clear();
	return count;
}

static const struct file_operations hwsim_violations_fops = {
	.owner = THIS_MODULE,
	.open = hwsim_violations_open,
	.read = seq_read,
	.write = hwsim_violations_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static const char *const hwsim_native_names[HWSIM_NR_NATIVE_STATS] = {
	[HWSIM_NATIVE_ENTRIES] = "entries",
	[HWSIM_NATIVE_WORLDS] = "world_switches",
	[HWSIM_NATIVE_SPACES] = "space_switches",
	[HWSIM_NATIVE_SVC] = "supervisor_calls",
	[HWSIM_NATIVE_HOST_IRQ] = "host_interrupts",
	[HWSIM_NATIVE_EMULATED] = "emulated",
	[HWSIM_NATIVE_INTERPRETED] = "interpreted",
	[HWSIM_NATIVE_PROGRAM] = "program_interruptions",
	[HWSIM_NATIVE_FAULTS] = "faults",
	[HWSIM_NATIVE_CODE_MAPPED] = "code_mapped",
	[HWSIM_NATIVE_REVEALED] = "revealed",
	[HWSIM_NATIVE_CODE_WRITTEN] = "code_written",
	[HWSIM_NATIVE_PURGED] = "purged",
	[HWSIM_NATIVE_NOTIFIED] = "notified",
};

static int hwsim_native_show(struct seq_file *seq, void *unused)
{
	unsigned int i;

	for (i = 0; i < HWSIM_NR_NATIVE_STATS; i++)
		seq_printf(seq, "%s %lld\n", hwsim_native_names[i],
			   atomic64_read(&hwsim_native_stats[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hwsim_native);

void __init hwsim_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("ap_hwsim", arch_debugfs_dir);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hwsim_knobs); i++)
		debugfs_create_file(hwsim_knobs[i].name, 0200, dir, (void *)&hwsim_knobs[i],
				    &hwsim_knob_fops);
	debugfs_create_file("state", 0400, dir, NULL, &hwsim_state_fops);
	debugfs_create_file("guests", 0400, dir, NULL, &hwsim_guests_fops);
	debugfs_create_file("held", 0400, dir, NULL, &hwsim_held_fops);
	debugfs_create_file("native", 0400, dir, NULL, &hwsim_native_fops);
	debugfs_create_file("uv_pages", 0400, dir, NULL, &hwsim_uv_pages_fops);
	debugfs_create_file("violations", 0600, dir, NULL, &hwsim_violations_fops);
}
