# Gives a mail server a machine of its own to look at: a root folder with the system's programs below the peer's, and
# with /etc and /var of the test. To be run in a mount namespace that ends with it; nothing of it is seen outside.
#   room.sh ROOT PACKAGES COMMAND...      PACKAGES: where the peer's packages were unpacked
set -e
root=$1 packages=$2
shift 2
for place in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$place" ]; then
    cp -P "/$place" "$root/$place"
  elif [ -d "/$place" ]; then
    mkdir "$root/$place"
    mount --rbind "/$place" "$root/$place"
  fi
done
mkdir -p "$root/usr" "$root/dev" "$root/proc" "$root/run" "$root/tmp"
chmod 1777 "$root/tmp"
mount -t overlay overlay -o "lowerdir=$packages/usr:/usr" "$root/usr"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ -d "$packages/etc" ]; then cp -rn "$packages/etc/." "$root/etc"; fi
chroot "$root" ldconfig
# This shell stays the first process of its namespace: the kernel ends it with whoever asked for the room, which a
# server that changes its user would not notice, and ends everything else with it.
status=0
chroot "$root" "$@" || status=$?
exit "$status"
