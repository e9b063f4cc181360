// SPDX-License-Identifier: GPL-2.0
/// The APCB of a guest is programmed by vfio_ap_guest_commit() and by nothing else.
// Options: --no-includes

virtual report

@programs@
identifier f != vfio_ap_guest_commit;
position p;
@@

f(...)
{
<...
(
kvm_arch_crypto_set_masks@p(...)
|
kvm_arch_crypto_clear_masks@p(...)
)
...>
}

@script:python depends on report@
f << programs.f;
p << programs.p;
@@

for place in p:
    coccilib.report.print_report(place, "%s() programs the APCB" % f)
