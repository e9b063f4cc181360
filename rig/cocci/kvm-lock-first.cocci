// SPDX-License-Identifier: GPL-2.0
/// No kvm->lock is taken, or tried, while a lock of the driver is held or known to be.
// Options: --no-includes

virtual report

@asserted@
symbol matrix_dev, guests_lock, lock, kvm, mutex;
expression E;
position p;
@@

(
lockdep_assert_held(&matrix_dev->guests_lock);
|
lockdep_assert_held(&matrix_dev->lock);
)
... when any
(
mutex_lock@p(&E->kvm->lock)
|
mutex_lock_killable@p(&E->kvm->lock)
|
mutex_lock_interruptible@p(&E->kvm->lock)
|
mutex_trylock@p(&E->kvm->lock)
|
mutex_lock@p(&kvm->lock)
|
mutex_lock_killable@p(&kvm->lock)
|
mutex_lock_interruptible@p(&kvm->lock)
|
mutex_trylock@p(&kvm->lock)
|
guard(mutex)@p(&E->kvm->lock)
|
guard(mutex)@p(&kvm->lock)
|
vfio_ap_kvm_lock@p(...)
|
vfio_ap_guest_begin@p(...)
|
vfio_ap_guest_attach@p(...)
|
vfio_ap_guest_detach@p(...)
|
vfio_ap_guest_change@p(...)
|
vfio_ap_guest_reset@p(...)
|
vfio_ap_attachment_settle@p(...)
)

@locked@
expression E;
identifier L;
position p;
@@

(
mutex_lock(&matrix_dev->L)
|
guard(mutex)(&matrix_dev->L)
)
... when any
    when != mutex_unlock(&matrix_dev->L)
    when != vfio_ap_guest_unlock(...)
    when != vfio_ap_guest_end(...)
(
mutex_lock@p(&E->kvm->lock)
|
mutex_lock_killable@p(&E->kvm->lock)
|
mutex_lock_interruptible@p(&E->kvm->lock)
|
mutex_trylock@p(&E->kvm->lock)
|
mutex_lock@p(&kvm->lock)
|
mutex_lock_killable@p(&kvm->lock)
|
mutex_lock_interruptible@p(&kvm->lock)
|
mutex_trylock@p(&kvm->lock)
|
guard(mutex)@p(&E->kvm->lock)
|
guard(mutex)@p(&kvm->lock)
|
vfio_ap_kvm_lock@p(...)
|
vfio_ap_guest_begin@p(...)
|
vfio_ap_guest_attach@p(...)
|
vfio_ap_guest_detach@p(...)
|
vfio_ap_guest_change@p(...)
|
vfio_ap_guest_reset@p(...)
|
vfio_ap_attachment_settle@p(...)
)

@scoped@
iterator name scoped_guard;
expression E;
identifier L;
position p;
@@

scoped_guard(mutex, &matrix_dev->L)
{
<+...
(
mutex_lock@p(&E->kvm->lock)
|
mutex_lock_killable@p(&E->kvm->lock)
|
mutex_lock_interruptible@p(&E->kvm->lock)
|
mutex_trylock@p(&E->kvm->lock)
|
mutex_lock@p(&kvm->lock)
|
mutex_lock_killable@p(&kvm->lock)
|
mutex_lock_interruptible@p(&kvm->lock)
|
mutex_trylock@p(&kvm->lock)
|
guard(mutex)@p(&E->kvm->lock)
|
guard(mutex)@p(&kvm->lock)
|
vfio_ap_kvm_lock@p(...)
|
vfio_ap_guest_begin@p(...)
|
vfio_ap_guest_attach@p(...)
|
vfio_ap_guest_detach@p(...)
|
vfio_ap_guest_change@p(...)
|
vfio_ap_guest_reset@p(...)
|
vfio_ap_attachment_settle@p(...)
)
...+>
}

@scoped_bare@
iterator name scoped_guard;
expression E, R;
identifier L;
position p;
@@

scoped_guard(mutex, &matrix_dev->L)
(
mutex_lock@p(&E->kvm->lock);
|
mutex_lock_killable@p(&E->kvm->lock);
|
mutex_lock_interruptible@p(&E->kvm->lock);
|
mutex_trylock@p(&E->kvm->lock);
|
mutex_lock@p(&kvm->lock);
|
mutex_lock_killable@p(&kvm->lock);
|
mutex_lock_interruptible@p(&kvm->lock);
|
mutex_trylock@p(&kvm->lock);
|
guard(mutex)@p(&E->kvm->lock);
|
guard(mutex)@p(&kvm->lock);
|
vfio_ap_kvm_lock@p(...);
|
vfio_ap_guest_begin@p(...);
|
vfio_ap_guest_attach@p(...);
|
vfio_ap_guest_detach@p(...);
|
vfio_ap_guest_change@p(...);
|
vfio_ap_guest_reset@p(...);
|
vfio_ap_attachment_settle@p(...);
|
R = mutex_lock_killable@p(&E->kvm->lock);
|
R = mutex_lock_interruptible@p(&E->kvm->lock);
|
R = mutex_trylock@p(&E->kvm->lock);
|
R = mutex_lock_killable@p(&kvm->lock);
|
R = mutex_lock_interruptible@p(&kvm->lock);
|
R = mutex_trylock@p(&kvm->lock);
|
R = vfio_ap_kvm_lock@p(...);
|
R = vfio_ap_guest_begin@p(...);
|
R = vfio_ap_guest_attach@p(...);
|
R = vfio_ap_guest_detach@p(...);
|
R = vfio_ap_guest_change@p(...);
|
R = vfio_ap_guest_reset@p(...);
|
R = vfio_ap_attachment_settle@p(...);
)

@script:python depends on report@
p << asserted.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock, in a function that is called with a lock of the driver held")

@script:python depends on report@
p << locked.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock, under a lock of the driver")

@script:python depends on report@
p << scoped.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock, under a lock of the driver")

@script:python depends on report@
p << scoped_bare.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock, under a lock of the driver")
