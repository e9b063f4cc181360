#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# The init of the Linux guest of linux_test. It prints its AP queues like guest/console.c:
# "AP: 04.0004" at the start and when they change, and "AP now: 04.0004" when it reads an l.
# Further commands on the console:
#
#   x  run linux_results
#   r  send a request to /dev/z90crypt, and print the request count of each queue
#   i  print the number of interrupts for the AP bus
#   v  run lszcrypt -V
#   R  reboot
#   b  send requests in the background until the guest ends
#   q  print bye, and power off
#
# The functions use only builtins of the shell, because each new process takes a while.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/ttysclp0 >/dev/ttysclp0 2>&1
stty raw -echo opost onlcr

for module in zcrypt zcrypt_cex4; do
	insmod /lib/$module.ko
done

# With "results" on the command line, the guest only runs linux_results and powers off.
read -r line </proc/cmdline
case $line in
*results*)
	linux_results
	poweroff -f
	;;
esac

# Put all queues into $queues. If a queue is deconfigured or checkstopped, the response code that
# TAPQ returns for it follows. A queue can disappear at any time.
list_queues() {
	queues=
	for queue in /sys/bus/ap/devices/??.????; do
		read -r config 2>/dev/null <"$queue/config" || continue
		read -r checkstop 2>/dev/null <"$queue/chkstop" || continue
		code=
		[ "$config" = 1 ] || code=:03
		[ "$checkstop" = 0 ] || code=:04
		queues="$queues${queues:+ }${queue##*/}$code"
	done
}

show_counts() {
	for queue in /sys/bus/ap/devices/??.????; do
		! read -r count 2>/dev/null <"$queue/request_count" || printf ' %s=%s' "${queue##*/}" "$count"
	done
	echo
}

show_interrupts() {
	while read -r name count rest; do
		[ "$name" != APB: ] || echo "AP interrupts: $count"
	done </proc/interrupts
}

show_cpus() {
	cpus=0
	while read -r word rest; do
		[ "$word" != processor ] || cpus=$((cpus + 1))
	done </proc/cpuinfo
	read -r interrupts </sys/bus/ap/ap_interrupts
	echo "CPUs: $cpus, $interrupts AP interrupts"
}

# Let the AP bus scan for changes at the shortest possible interval, in seconds.
echo 5 >/sys/bus/ap/config_time
show_cpus
list_queues
seen=$queues
echo "AP: ${seen:-none}"
while :; do
	command=
	read -r -n 1 -t 1 command
	list_queues
	[ "$queues" = "$seen" ] || echo "AP: ${queues:-none}"
	seen=$queues
	case $command in
	l) echo "AP now: ${seen:-none}" ;;
	r) echo "AP request: $(linux_request)$(show_counts)" ;;
	x) linux_results ;;
	i) show_interrupts ;;
	v) lszcrypt -V; echo "AP end of lszcrypt" ;;
	b) linux_request endless & ;;
	R) echo rebooting; reboot -f ;;
	q) echo bye; poweroff -f ;;
	esac
done
