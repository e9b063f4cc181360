// SPDX-License-Identifier: GPL-2.0
/// Only vfio_ap_tx_commit() writes to a guest's APCB.
// Options: --no-includes

virtual report

@programs@
identifier f != vfio_ap_tx_commit;
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
    coccilib.report.print_report(place, "%s() writes the APCB" % f)
