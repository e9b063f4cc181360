// SPDX-License-Identifier: GPL-2.0
/// Do not acquire or try to acquire kvm->lock while one of the driver's locks is held, or asserted to be held.
// Options: --no-includes

virtual report

@asserted@
symbol matrix_dev, guests_lock, lock, kvm, mutex;
identifier take =~ "^mutex_(lock|trylock)";
identifier callee =~ "^vfio_ap_(tx_(lock_kvm|begin)|assign_change|guest_(attach|detach|reset)|attachment_drop_giscs)$";
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
take@p(&E->kvm->lock)
|
take@p(&kvm->lock)
|
guard(mutex)@p(&E->kvm->lock)
|
guard(mutex)@p(&kvm->lock)
|
callee@p(...)
)

// A guard() in a scoped_guard() ends with this scope, so @locked skips it, and @scoped checks the statements in the scope.
@nested@
iterator name scoped_guard;
symbol matrix_dev, mutex;
identifier L, M;
position n;
@@

scoped_guard(mutex, &matrix_dev->M)
{
<+...
guard(mutex)@n(&matrix_dev->L)
...+>
}

@locked@
identifier take =~ "^mutex_(lock|trylock)";
identifier callee =~ "^vfio_ap_(tx_(lock_kvm|begin)|assign_change|guest_(attach|detach|reset)|attachment_drop_giscs)$";
expression E;
identifier L;
position l != nested.n;
position p;
@@

(
mutex_lock(&matrix_dev->L)
|
guard(mutex)@l(&matrix_dev->L)
)
... when any
    when != mutex_unlock(&matrix_dev->L)
    when != vfio_ap_tx_unlock(...)
    when != vfio_ap_tx_end(...)
(
take@p(&E->kvm->lock)
|
take@p(&kvm->lock)
|
guard(mutex)@p(&E->kvm->lock)
|
guard(mutex)@p(&kvm->lock)
|
callee@p(...)
)

@scoped@
iterator name scoped_guard;
identifier take =~ "^mutex_(lock|trylock)";
identifier callee =~ "^vfio_ap_(tx_(lock_kvm|begin)|assign_change|guest_(attach|detach|reset)|attachment_drop_giscs)$";
expression E;
identifier L;
position p;
@@

scoped_guard(mutex, &matrix_dev->L)
{
<+...
(
take@p(&E->kvm->lock)
|
take@p(&kvm->lock)
|
guard(mutex)@p(&E->kvm->lock)
|
guard(mutex)@p(&kvm->lock)
|
callee@p(...)
)
...+>
}

@scoped_bare@
iterator name scoped_guard;
identifier take =~ "^mutex_(lock|trylock)";
identifier callee =~ "^vfio_ap_(tx_(lock_kvm|begin)|assign_change|guest_(attach|detach|reset)|attachment_drop_giscs)$";
expression E, R;
identifier L;
position p;
@@

scoped_guard(mutex, &matrix_dev->L)
(
take@p(&E->kvm->lock);
|
take@p(&kvm->lock);
|
callee@p(...);
|
R = take@p(&E->kvm->lock);
|
R = take@p(&kvm->lock);
|
R = callee@p(...);
)

@script:python depends on report@
p << asserted.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock in a function whose caller holds a lock of the driver")

@script:python depends on report@
p << locked.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock under a lock of the driver")

@script:python depends on report@
p << scoped.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock under a lock of the driver")

@script:python depends on report@
p << scoped_bare.p;
@@

for place in p:
    coccilib.report.print_report(place, "kvm->lock under a lock of the driver")
