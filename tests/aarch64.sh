#!/usr/bin/env bash
# Builds the tests for aarch64 and runs them on an emulated machine: a check
# for whoever has no such machine, not a part of CI. It takes root, mmdebstrap
# and some 6 GB below WORK; all else comes from Debian's packages into folders
# there, and nothing is installed.
#
#   tests/aarch64.sh             all tests (hours)
#   tests/aarch64.sh trace::     those with one of these in their names
#
# WORK    where the folders are, and stay for the next time (/var/tmp/meanwhile-aarch64)
# SUITE   which Debian: one whose rustc is new enough (sid)
# MINUTES how long the machine may run (60)
#
# Emulation is slow. A test that hung may only have been slow: run it alone.
set -euo pipefail
cd "$(dirname "$0")/.."

work=${WORK:-/var/tmp/meanwhile-aarch64}
suite=${SUITE:-sid}
minutes=${MINUTES:-60}
target=aarch64-unknown-linux-gnu
host=$work/host guest=$work/guest

# Compiler and emulator, and the machine's own system (not set up: that would take running it).
tools=rustc,cargo,libstd-rust-dev:arm64,gcc-aarch64-linux-gnu,libc6-dev:arm64
tools+=,qemu-system-arm,cpio,e2fsprogs,kmod,xz-utils
system=linux-image-arm64,base-files,base-passwd,bash,dash,zsh,busybox,mksh,ksh93u+m,yash
system+=,coreutils,debianutils,diffutils,findutils,grep,gzip,hostname,iproute2,libc-bin,login
system+=,mawk,ncurses-base,ncurses-bin,passwd,perl-base,procps,sed,tar,util-linux,bsdutils
system+=,strace,python3,g++,libxml2-utils,parallel,make,git,sqlite3

mkdir -p "$work"
if [ ! -e "$work/made" ]; then
    rm -rf "$host" "$guest"
    mmdebstrap --variant=apt --architectures=amd64,arm64 --include="$tools" "$suite" "$host"
    mmdebstrap --variant=extract --architectures=arm64 --include="$system" "$suite" "$guest"
    # What the packages' scripts would have done.
    ln -sf mawk "$guest/usr/bin/awk"
    ln -sf gcc "$guest/usr/bin/cc"
    ln -sf g++ "$guest/usr/bin/c++"
    for file in passwd group; do
        cp "$guest/usr/share/base-passwd/$file.master" "$guest/etc/$file"
    done
    touch "$work/made"
fi

# in_host COMMAND…: with the project, the crates and $work where they are here.
in_host() {
    # shellcheck disable=SC2016 # for the shell inside
    HOST=$host CRATES=$crates unshare --mount bash -euc '
        for dir in "$PWD" "$CRATES" "$0" /proc /dev; do
            mkdir -p "$HOST$dir"
            mount --rbind "$dir" "$HOST$dir"
        done
        exec chroot "$HOST" env -i -C "$PWD" PATH=/usr/sbin:/usr/bin HOME=/root TMPDIR="$0" \
            CARGO_HOME="$CRATES" CARGO_TARGET_DIR="$0/target" CARGO_PROFILE_TEST_DEBUG=0 EMULATED=1 \
            CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc "$@"
    ' "$work" "$@"
}
crates=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$crates"
cargo fetch --locked
rm -f "$work"/target/$target/debug/deps/{it,meanwhile}-*
in_host cargo test --no-run --locked --offline --target $target

# The machine finds the project where the tests think that it is.
rm -rf "${guest:?}/tests" "$guest$PWD"
mkdir -p "$guest/tests" "$guest$PWD" "$guest$work/target/$target/debug"
git ls-files -z | xargs -0 cp --parents -t "$guest$PWD"
cp "$work/target/$target/debug/meanwhile" "$guest$work/target/$target/debug/"
find "$work/target/$target/debug/deps" -type f -executable \
    \( -name 'it-*' -o -name 'meanwhile-*' \) -exec cp -t "$guest/tests" {} +
cat >"$guest/tests/init" <<INIT
#!/bin/bash
export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -o remount,rw /
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
ln -sf /proc/self/fd /dev/fd
ip link set lo up
cd $(printf %q "$PWD")
code=0
for tests in /tests/meanwhile-* /tests/it-*; do
    "\$tests" --test-threads 2 $(printf '%q ' "$@") || code=1
done
echo "tests-ended \$code"
sync
busybox poweroff -f
INIT
chmod +x "$guest/tests/init"

# Debian's kernel has its disk and its file system in modules: they are loaded first.
cat >"$work/first" <<'FIRST'
#!/bin/sh
b=/bin/busybox
for dir in proc sys dev root; do $b mkdir -p /$dir; done
$b mount -t devtmpfs dev /dev
while read -r module; do $b insmod "/modules/$module"; done </modules/order
until [ -b /dev/vda ]; do $b sleep 0.1; done
$b mount -t ext4 /dev/vda /root
$b mount --move /dev /root/dev
exec $b switch_root /root /tests/init
FIRST
# shellcheck disable=SC2016 # for the shell inside
in_host bash -euc '
    work=$0 guest=$1
    kernel=$(basename "$guest"/usr/lib/modules/*)
    depmod -b "$guest" "$kernel"
    rm -rf "$work/initrd"
    mkdir -p "$work"/initrd/{bin,lib,modules}
    cd "$work/initrd"
    modprobe -d "$guest" -S "$kernel" -a --show-depends virtio_blk ext4 |
        while read -r does module _; do
            if [ "$does" = insmod ]; then
                name=$(basename "$module" .xz)
                xz -dcf "$module" >"modules/$name"
                echo "$name" >>modules/order
            fi
        done
    libraries=$guest/usr/lib/aarch64-linux-gnu
    cp "$guest/usr/bin/busybox" bin
    ln -s busybox bin/sh
    cp -L "$libraries"/{ld-linux-aarch64.so.1,libc.so.6,libresolv.so.2} lib
    install ../first init
    find . | cpio --quiet -o -H newc >../initrd.img
    cp "$guest/usr/lib/modules/$kernel/vmlinuz" ../vmlinuz
    rm -f ../disk.img
    mke2fs -q -t ext4 -d "$guest" ../disk.img 4G
' "$work" "$guest"

in_host timeout "$((minutes * 60))" qemu-system-aarch64 -M virt -cpu cortex-a76 \
    -accel tcg,thread=multi -smp 2 -m 4G -nographic -no-reboot -nic none \
    -kernel "$work/vmlinuz" -initrd "$work/initrd.img" -append 'console=ttyAMA0 loglevel=4 panic=1' \
    -drive "file=$work/disk.img,format=raw,if=virtio" </dev/null | tee "$work/console"
grep -q '^tests-ended 0' "$work/console"
