#!/busybox sh
# shellcheck shell=dash disable=SC2187
# PID 1 of the initrd: mounts the root file system, puts what is under test on top of it, and hands over to systemd.
/busybox mount -t devtmpfs d /dev
/busybox mount -t proc p /proc
/busybox mount -t sysfs s /sys
for module in virtio_pci virtio_blk crc32c_generic ext4; do
        /busybox modprobe "$module"
done
for _ in $(/busybox seq 100); do
        [ -b /dev/vda ] && [ -b /dev/vdb ] && break
        /busybox sleep 0.1
done
/busybox mount -t ext4 -o noatime /dev/vda /new || exec /busybox sh
/busybox cp -a /lib/modules /new/lib/
# Where the image has /lib as a link to usr/lib, paths below lib/ must go through it.
/busybox tar xf /dev/vdb -C /new
for fs in dev proc sys; do
        /busybox mount --move "/$fs" "/new/$fs"
done
exec /busybox switch_root /new /sbin/init
