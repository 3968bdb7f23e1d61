#!/bin/sh
# First process of the guest: mounts what a Linux program expects, runs the job, reports its exit status, and waits to be
# stopped. Its root is the host's, read-only; the file `job` beside this one was written for this run.
here=${0%/*}
. "$here/job"
mount -a -T "$here/fstab"
{ ip link set lo up || ifconfig lo up; } 2>/dev/null &
# Files come from the host in few big pieces: a request costs more than the bytes do.
for ahead in /sys/class/bdi/*/read_ahead_kb; do echo 4096 > "$ahead"; done
mount -o remount,bind,ro /
places
ulimit -l unlimited
ulimit -c 0
# The ports appear once the driver has heard from the host.
set -- /dev/vport*p3
until [ -c "$1" ]; do sleep 0.02; set -- /dev/vport*p3; done
port=${1%3}
# A port can be open once only, so all three stay open here.
exec 3> "${port}1" 4> "${port}2" 5> "${port}3"
wait
echo ready >&5
( exec < /dev/null >&3 2>&4 3>&- 4>&- 5>&-; job )
status=$?
printf '%s' "$END" >&3
printf '%s' "$END" >&4
echo "status $status" >&5
# The host stops the machine now; the rest is for a host that has gone.
sleep 5
echo o > /proc/sysrq-trigger
sleep 60
