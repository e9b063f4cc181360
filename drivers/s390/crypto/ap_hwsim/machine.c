// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated machine's data and lock, and the kernel parameters that describe the machine
 * at boot.
 */
#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../ap_bus.h"
#include "ap_hwsim.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "ap_hwsim."

struct hwsim_machine hwsim;
DEFINE_SPINLOCK(hwsim_lock);
/* All queues. Loops use this list, because hwsim.queues is large and mostly empty. */
LIST_HEAD(hwsim_queues);

static char hwsim_boot_adapters[64] = "4-6";
static char hwsim_boot_domains[64] = "4-6";
static char hwsim_boot_mode[8] = "cca";
/* These variables lack the prefix hwsim_, because module_param() uses their names. */
static unsigned int type = 13;
static bool apxa = true;
static bool ap = true;
static bool qci = true;
static unsigned int reset_polls = 2;
static unsigned int reset_ms;
static bool protect_lowcore = true;

module_param_string(adapters, hwsim_boot_adapters, sizeof(hwsim_boot_adapters), 0444);
MODULE_PARM_DESC(adapters, "adapters of the machine, as decimal ids and ranges such as 4-6,8");
module_param_string(domains, hwsim_boot_domains, sizeof(hwsim_boot_domains), 0444);
MODULE_PARM_DESC(domains, "usage and control domains of the machine (same format as adapters)");
module_param(type, uint, 0444);
MODULE_PARM_DESC(type, "hardware type of the adapters, 10 (CEX4) to 14 (CEX8)");
module_param_string(mode, hwsim_boot_mode, sizeof(hwsim_boot_mode), 0444);
MODULE_PARM_DESC(mode, "mode of the adapters: accel, cca or ep11");
module_param(apxa, bool, 0444);
MODULE_PARM_DESC(apxa, "256 adapters and 256 domains instead of 64 and 16");
module_param(ap, bool, 0444);
MODULE_PARM_DESC(ap, "AP instructions are installed");
module_param(qci, bool, 0444);
MODULE_PARM_DESC(qci, "PQAP(QCI) is installed");
module_param(reset_polls, uint, 0444);
MODULE_PARM_DESC(reset_polls, "number of PQAPs for the queue until a reset completes");
module_param(reset_ms, uint, 0444);
MODULE_PARM_DESC(reset_ms, "duration of a reset in milliseconds, or 0 to use reset_polls");
module_param(protect_lowcore, bool, 0444);
MODULE_PARM_DESC(protect_lowcore, "low-address protection of the host is on");

static const char *const hwsim_engines[] = { "interpret", "native" };

static int hwsim_engine_set(const char *value, const struct kernel_param *param)
{
	int engine = sysfs_match_string(hwsim_engines, value);

	if (engine < 0)
		return engine;
	WRITE_ONCE(hwsim.native, engine);
	return 0;
}

static int hwsim_engine_get(char *buf, const struct kernel_param *param)
{
	return sysfs_emit(buf, "%s\n", hwsim_engines[READ_ONCE(hwsim.native)]);
}

static const struct kernel_param_ops hwsim_engine_ops = {
	.set = hwsim_engine_set,
	.get = hwsim_engine_get,
};

module_param_cb(engine, &hwsim_engine_ops, NULL, 0644);
MODULE_PARM_DESC(engine, "engine of guests created from now on: interpret or native");

/**
 * hwsim_queue_find - look up a queue in the machine's configuration
 * @machine: the machine
 * @apqn: the APQN of the queue
 *
 * Context: The caller holds hwsim_lock.
 * Return: The queue, or NULL if the configuration lacks its adapter or domain.
 */
struct hwsim_queue *hwsim_queue_find(struct hwsim_machine *machine, u16 apqn)
{
	lockdep_assert_held(&hwsim_lock);

	if (!test_bit_inv(apqn >> 8, machine->apm) || !test_bit_inv(apqn & 0xff, machine->aqm))
		return NULL;
	return machine->queues[apqn];
}

NOKPROBE_SYMBOL(hwsim_queue_find);

/**
 * hwsim_mask_parse - convert a list of ids to a mask
 * @text: decimal ids and ranges, for example 4-6,9
 * @limit: highest valid id
 * @mask: the mask, in which the leftmost bit stands for id 0; unchanged on failure
 *
 * Return:
 * * 0		- success
 * * -EINVAL	- @text is not a list of ids
 * * -ERANGE	- an id is greater than @limit
 * * -EOVERFLOW	- an id exceeds 32 bits
 */
int hwsim_mask_parse(const char *text, unsigned int limit, unsigned long *mask)
{
	DECLARE_BITMAP(ids, HWSIM_IDS);
	unsigned int id;
	int ret;

	bitmap_zero(ids, HWSIM_IDS);
	ret = bitmap_parselist(text, ids, limit + 1);
	if (ret)
		return ret;
	bitmap_zero(mask, HWSIM_IDS);
	for_each_set_bit(id, ids, HWSIM_IDS)
		set_bit_inv(id, mask);
	return 0;
}

static DECLARE_BITMAP(hwsim_boot_apm, HWSIM_IDS);
static DECLARE_BITMAP(hwsim_boot_aqm, HWSIM_IDS);

/*
 * Restore the adapters, the domains, whether PQAP(QCI) is installed, and the duration of a reset
 * to what the kernel command line says.
 */
void hwsim_machine_defaults(void)
{
	bitmap_copy(hwsim.apm, hwsim_boot_apm, HWSIM_IDS);
	bitmap_copy(hwsim.aqm, hwsim_boot_aqm, HWSIM_IDS);
	bitmap_copy(hwsim.adm, hwsim_boot_aqm, HWSIM_IDS);
	bitmap_zero(hwsim.deconfigured, HWSIM_IDS);
	hwsim.no_qci = !qci;
	hwsim.open_lowcore = !protect_lowcore;
	hwsim.reset_mode = reset_ms ? HWSIM_RESET_MS : HWSIM_RESET_POLLS;
	hwsim.reset_value = reset_ms ?: reset_polls;
}

/**
 * hwsim_machine_init - check and convert the kernel parameters
 *
 * Return:
 * * 0		- success
 * * -EINVAL	- a list or the mode is invalid
 * * -ERANGE	- an id or the type is out of range
 * * -EOVERFLOW	- an id exceeds 32 bits
 */
int __init hwsim_machine_init(void)
{
	int ret;

	hwsim.mode = !strcmp(hwsim_boot_mode, "cca") ? 'D' :
		     !strcmp(hwsim_boot_mode, "accel") ? 'A' :
		     !strcmp(hwsim_boot_mode, "ep11") ? 'X' : 0;
	if (!hwsim.mode)
		return -EINVAL;
	if (type < AP_DEVICE_TYPE_CEX4 || type > AP_DEVICE_TYPE_CEX8)
		return -ERANGE;
	hwsim.type = type;
	hwsim.apxa = apxa;
	hwsim.no_ap = !ap;
	hwsim.apid_max = apxa ? 255 : 63;
	hwsim.domain_max = apxa ? 255 : 15;
	ret = hwsim_mask_parse(hwsim_boot_adapters, hwsim.apid_max, hwsim_boot_apm);
	if (!ret)
		ret = hwsim_mask_parse(hwsim_boot_domains, hwsim.domain_max, hwsim_boot_aqm);
	return ret;
}
