// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a process's mmap_lock, or the lock of one of its pages, until the calling task
 * gets a signal. On a real machine, slow storage can cause such a delay.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "ap_hwsim.h"

static struct mm_struct *hwsim_mm_get(pid_t pid)
{
	struct mm_struct *mm = NULL;
	struct task_struct *task;

	task = find_get_task_by_vpid(pid);
	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	return mm ?: ERR_PTR(-ESRCH);
}

static void hwsim_stall_until_signal(void)
{
	while (!signal_pending(current))
		schedule_timeout_interruptible(HZ);
}

/**
 * hwsim_stall_mmap - hold a process's mmap_lock, as a slow page fault would
 * @pid: PID of the process
 *
 * Context: Process context. Sleeps with mmap_lock held for reading.
 * Return: -EINTR after a signal, or -ESRCH if there is no such process.
 */
int hwsim_stall_mmap(pid_t pid)
{
	struct mm_struct *mm = hwsim_mm_get(pid);

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	mmap_read_lock(mm);
	hwsim_stall_until_signal();
	mmap_read_unlock(mm);
	mmput(mm);
	return -EINTR;
}

/**
 * hwsim_stall_page - lock a page, as a slow writeback would
 * @pid: PID of the process that has mapped the page
 * @addr: an address in the page
 *
 * Context: Process context. Sleeps with the page locked.
 * Return:
 * * -EINTR	- a signal ended the stall
 * * -ESRCH	- there is no such process
 * * -EFAULT	- there is no page at @addr
 */
int hwsim_stall_page(pid_t pid, unsigned long addr)
{
	struct mm_struct *mm = hwsim_mm_get(pid);
	struct page *page;
	long pages;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	mmap_read_lock(mm);
	pages = get_user_pages_remote(mm, addr, 1, 0, &page, NULL);
	mmap_read_unlock(mm);
	mmput(mm);
	if (pages != 1)
		return -EFAULT;
	lock_page(page);
	ClearPageDirty(page);
	hwsim_stall_until_signal();
	unlock_page(page);
	put_page(page);
	return -EINTR;
}
