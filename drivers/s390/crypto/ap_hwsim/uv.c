// SPDX-License-Identifier: GPL-2.0
/*
 * A simulated ultravisor. It accepts the calls with which KVM makes a guest protected or
 * unprotected, but protects nothing. The simulated SIE does not run protected vCPUs.
 */
#include <linux/kprobes.h>
#include <linux/uaccess.h>
#include <asm/uv.h>

#include "ap_hwsim.h"

/* KVM warns about a handle of 0. */
#define HWSIM_UV_HANDLE		1

/**
 * hwsim_uv_offer - show or hide the ultravisor
 * @on: whether KVM offers protected guests
 *
 * Changing prot_virt_host at run time is safe, because only KVM acts on it after boot.
 * hwsim_uv_execute() does not test prot_virt_host, so that protected guests can still end
 * after the ultravisor has been hidden.
 */
void hwsim_uv_offer(bool on)
{
	/* Set the sizes of the areas that KVM must donate. Optional features remain off. */
	uv_info.guest_base_stor_len = PAGE_SIZE;
	uv_info.guest_virt_base_stor_len = PAGE_SIZE;
	uv_info.guest_virt_var_stor_len = PAGE_SIZE;
	uv_info.guest_cpu_stor_len = PAGE_SIZE;
	WRITE_ONCE(prot_virt_host, on);
}

/**
 * hwsim_uv_execute - execute an ultravisor call from the host
 * @uvcb: address of the control block
 *
 * Context: Program check handler. Does not sleep.
 * Return: The condition code, or -EFAULT if the control block is not accessible.
 */
int hwsim_uv_execute(u64 uvcb)
{
	const u64 handle = HWSIM_UV_HANDLE;
	struct uv_cb_header header;
	u64 handle_at = 0;

	if (copy_from_kernel_nofault(&header, (void *)uvcb, sizeof(header)))
		return -EFAULT;
	header.rc = UVC_RC_EXECUTED;
	switch (header.cmd) {
	case UVC_CMD_CREATE_SEC_CONF:
		handle_at = uvcb + offsetof(struct uv_cb_cgc, guest_handle);
		break;
	case UVC_CMD_CREATE_SEC_CPU:
		handle_at = uvcb + offsetof(struct uv_cb_csc, cpu_handle);
		break;
	case UVC_CMD_DESTROY_SEC_CONF:
	case UVC_CMD_DESTROY_SEC_CPU:
	case UVC_CMD_CONV_FROM_SEC_STOR:
	case UVC_CMD_DESTR_SEC_STOR:
		break;
	default:
		header.rc = UVC_RC_INV_CMD;
	}
	if (copy_to_kernel_nofault((void *)uvcb, &header, sizeof(header)))
		return -EFAULT;
	if (handle_at && copy_to_kernel_nofault((void *)handle_at, &handle, sizeof(handle)))
		return -EFAULT;
	return header.rc == UVC_RC_EXECUTED ? UVC_CC_OK : UVC_CC_ERROR;
}

NOKPROBE_SYMBOL(hwsim_uv_execute);
