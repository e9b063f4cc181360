#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Lay the complete files of this repository over the base; what is equal keeps its time stamp.
. "$(dirname "$0")/lib.sh"

cd "$top"
if [ "${VARIANT:-}" = base ]; then
	ours() { git ls-files -co --exclude-standard -- drivers/s390/crypto/ap_hwsim; }
else
	ours() { git ls-files -co --exclude-standard -- arch drivers include Documentation tools; }
fi
ours | while read -r file; do
	[ -f "$file" ] || continue
	cmp -s "$file" "$linux/$file" && continue
	mkdir -p "$linux/$(dirname "$file")"
	cp "$file" "$linux/$file"
done
[ -n "$(ours)" ] || die "git does not list the files of this repository (safe.directory?)"
# What this repository no longer has must not be built either.
list=$linux.overlay
ours | sort >"$list.new"
if [ -f "$list" ]; then
	comm -23 "$list" "$list.new" | while read -r file; do rm -f "$linux/$file"; done
fi
mv "$list.new" "$list"
