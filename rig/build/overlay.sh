#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: overlay.sh
# Copy this repository's kernel files, except patches, into the kernel tree. Unchanged files keep their time stamps. The
# driver in drivers/ does not depend on any patch. Some patches in patches/ have a counterpart of the same name in
# patches/ours/, which adds the code that uses them to the driver. The files are written for mainline, and
# backport/BASE/ours/ adapts them to an older base.
. "$(dirname "$0")/lib.sh"
list=$linux.overlay

# In the kernel, documentation for s390 is in Documentation/arch/s390/.
place() { echo "$1" | sed 's,^Documentation/s390/,Documentation/arch/s390/,'; }

ours() {
	if [ "${VARIANT:-}" = stock ]; then
		git ls-files -co --exclude-standard -- drivers/s390/crypto/ap_hwsim
	else
		git ls-files -co --exclude-standard -- arch drivers include Documentation tools
	fi
}

cd "$top"
[ -n "$(ours)" ] || die "git does not list the files of this repository (safe.directory?)"
stage=$(mktemp -d "$build/ours.XXXXXX")
trap 'rm -rf "$stage"' EXIT
ours | while read -r file; do
	[ -f "$file" ] || continue
	mkdir -p "$stage/$(dirname "$(place "$file")")"
	cp "$file" "$stage/$(place "$file")"
done
series=$top/patches/series
[ ! -d "$backport" ] || series=$backport/series
for patch in $(sed "s,^,$top/patches/ours/," "$series") "$backport"/ours/*.patch; do
	[ -f "$patch" ] && [ -f "$stage/$(sed -n 's,^+++ b/,,p' "$patch" | head -n 1)" ] || continue
	patch -d "$stage" -p1 -F0 --batch --forward --no-backup-if-mismatch <"$patch" >"$logs/overlay.log" ||
		die "${patch#"$top/"} does not apply (full log: $logs/overlay.log)"
done
(cd "$stage" && find . -type f) | sed 's,^\./,,' | sort >"$list.new"
while read -r file; do
	cmp -s "$stage/$file" "$linux/$file" && continue
	mkdir -p "$linux/$(dirname "$file")"
	cp "$stage/$file" "$linux/$file"
done <"$list.new"
# Remove files that this repository no longer contains.
if [ -f "$list" ]; then
	comm -23 "$list" "$list.new" | while read -r file; do rm -f "$linux/$file"; done
fi
mv "$list.new" "$list"
