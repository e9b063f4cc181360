/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the vfio_ap tests: sysfs, the simulator's debugfs files, VFIO and guests.
 * Functions of type int return 0 or a negative errno unless stated otherwise.
 */
#ifndef VFIO_AP_TEST_LIB_H
#define VFIO_AP_TEST_LIB_H

#include <linux/kvm.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../guest/agent.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define HWSIM	"/sys/kernel/debug/s390/ap_hwsim/"
#define BUS	"/sys/bus/ap/"
#define MATRIX	"/sys/devices/vfio_ap/matrix/"
#define TYPE	MATRIX "mdev_supported_types/vfio_ap-passthrough/"
#define DRIVER	"/sys/bus/ap/drivers/vfio_ap/"

#define KVM_TRACE	"/sys/kernel/debug/s390dbf/kvm-trace/sprintf"

#define UUID1	"11111111-1111-1111-1111-111111111111"
#define UUID2	"22222222-2222-2222-2222-222222222222"
#define UUID3	"33333333-3333-3333-3333-333333333333"

/* sysfs.c */
int file_write(const char *path, const char *text);
int file_read(const char *path, char *buf, size_t size);
int until(bool (*condition)(void *data), void *data);
void hwsim_needed(void);
int hwsim(const char *knob, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int hwsim_violations(char *buf, size_t size);
bool guests_have_bound_queues(void *unused);
long hwsim_state(int apid, int apqi, const char *key);
long hwsim_guest_updates(int pid);
bool hwsim_wait_held(const char *function, int calls);
bool guests_wait_for_masks(const char *masks);
void masks_clear(void);
void machine_reset(void);
bool queues_are_bound_and_reset(void *unused);
int bus_scan(void);
int mdev_create(const char *uuid);
bool has_feature(const char *word);
int mdev_remove(const char *uuid);
int mdev_write(const char *uuid, const char *attribute, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int mdev_read(const char *uuid, const char *attribute, char *buf, size_t size);
bool mdev_shows(const char *uuid, const char *attribute, const char *text);
bool mdev_wait_for(const char *uuid, const char *attribute, const char *text);
bool queue_status(int apid, int apqi, const char *status);
bool queue_wait_status(int apid, int apqi, const char *status);
int queue_bind(int apid, int apqi);
int queue_unbind(int apid, int apqi);

/* vm.c */
struct vm {
	int kvm, fd, vcpu, vfio_device;
	void *memory;
	struct kvm_run *run;
	pthread_t thread;
	bool running;
	/* a thread that opens or closes this VM's device; a test can wait until it sleeps */
	pid_t thread_id;
	/* the thread that runs the vCPU */
	pid_t vcpu_thread_id;
	/* why the vCPU thread ended: a negative errno or a KVM exit reason */
	int end;
	/* how often KVM_RUN returned EAGAIN and was repeated */
	unsigned long repeats;
	struct agent_mailbox *mailbox;
};

int vm_create_bare(struct vm *vm);
int vm_create(struct vm *vm);
int vm_start(struct vm *vm);
void vm_stop(struct vm *vm);
bool last_vm_is_destroyed(void *unused);
void vm_destroy(struct vm *vm);
int vm_ask(struct vm *vm, enum agent_command command, unsigned long gr0, unsigned long gr1,
	   unsigned long gr2);
void vm_post(struct vm *vm, enum agent_command command, unsigned long gr0, unsigned long gr1,
	     unsigned long gr2);
bool vm_answered(struct vm *vm);
int vm_tapq(struct vm *vm, int apid, int apqi);
int vm_zapq(struct vm *vm, int apid, int apqi);
int vm_aqic(struct vm *vm, int apid, int apqi, bool enable, int isc, unsigned long nib);
bool vm_sees(struct vm *vm, const char *matrix);
bool vm_wait_queues(struct vm *vm, const char *matrix);

/* task.c */
/* A process that writes to an attribute. */
struct writer {
	pid_t pid;
};

void writer_start(struct writer *writer, const char *uuid, const char *attribute,
		  const char *text);
bool writer_waits(struct writer *writer);
bool writer_ends_without(struct writer *writer, const char *function);
int writer_end(struct writer *writer);
/* What a process that is removing an mdev does after its SIGUSR1 handler has returned. */
enum remover_kind {
	/* The handler has SA_RESTART, so the kernel restarts the write. */
	REMOVER_RESTARTS,
	/* The program repeats the write after EINTR. */
	REMOVER_RETRIES,
	/* The program exits after EINTR. */
	REMOVER_GIVES_UP,
};

struct remover {
	struct writer writer;
	struct remover_shared {
		/* handled counts calls to the handler, which does not return while stay is set */
		int handled, stay;
	} *shared;
};

int remover_start(struct remover *remover, const char *uuid, enum remover_kind kind);
int remover_signal(struct remover *remover);
int remover_interrupt(struct remover *remover);
void remover_stay(struct remover *remover, bool stay);
int remover_end(struct remover *remover);

pid_t task_id(void);
bool task_sleeps(void *task);
bool task_is_interruptible(void *task);
long task_sleep_count(pid_t task);
bool task_waits_in(pid_t task, const char *function);
/* Drop a capability from this thread and from all threads that it creates later. */
int capability_drop(int capability);

/* pins.c */
long pinned_kib(void);
bool nothing_is_pinned(void *unused);

/* module.c */
int module_load(void);
int module_unload(void);
bool module_files_exist(void);

/* kmsg.c */
int kmsg_open(void);
int kmsg_lines(int fd, const char *text, char *buf, size_t size);

/* Clear vfio_ap's debug feature. */
int dbf_flush(void);
/* Return true if an entry in vfio_ap's debug feature contains @text. */
bool dbf_shows(const char *text);

/* hold.c */
struct hold {
	int uffd, fd, ret;
	unsigned long request;
	void *arg, *page;
	struct kvm_device_attr attr;
	pthread_t thread;
	pid_t thread_id;
};

int hold_kvm_lock(struct hold *hold, struct vm *vm);
int hold_kvm_lock_begin(struct hold *hold, struct vm *vm);
int hold_wait(struct hold *hold);
int hold_argument(struct hold *hold, int fd, unsigned long request);
int hold_release(struct hold *hold);

/* watch.c */
int watch_open(const char *path);
int uevents_open(void);

/* vfio.c */
struct vfio {
	int container, group, device;
	/* the VM to whose KVM VFIO device the group was added, or NULL */
	struct vm *vm;
};

/* Argument of VFIO_DEVICE_SET_IRQS for one eventfd. */
struct irq_set {
	struct vfio_irq_set header;
	int32_t fd;
};

int vfio_open_group(struct vfio *vfio, struct vm *vm, const char *uuid);
int vfio_open(struct vfio *vfio, struct vm *vm, const char *uuid);
int vfio_cdev_open(const char *uuid);
int vfio_open_iommufd(struct vfio *vfio, struct vm *vm, const char *uuid);
int vfio_dma_map(struct vfio *vfio, struct vm *vm);
int vfio_dma_unmap(struct vfio *vfio);
int vfio_open_device(struct vfio *vfio, const char *uuid);
int vfio_irq_set(int device, unsigned int index, int fd);
void vfio_close(struct vfio *vfio);

#endif /* VFIO_AP_TEST_LIB_H */
