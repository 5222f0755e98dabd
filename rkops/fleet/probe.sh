# The probe for a board without python3: POSIX sh, busybox and toybox tools. It only reads.
# usage: sh probe.sh MODEL_DIR
# Prints "@rkops-sh KEY VALUE" lines. VALUE of a fact: "=text" is there, "-where" is absent,
# "!reason" could not be looked at. The last line counts the lines before it.
export LC_ALL=C
n=0
say() {
	n=$((n + 1))
	printf "@rkops-sh %s %s\n" "$1" "$2"
}

# Absent only when the directory above could be searched; else we were not permitted to look.
missing() {
	p=$1
	while [ -n "$p" ] && [ ! -e "$p" ]; do p=${p%/*}; done
	if [ -x "${p:-/}" ] && [ ! -e "$1" ]; then say "$2" "-$1"; else say "$2" "!$1: permission denied"; fi
}

# fact KEY FILE: a small file, NULs as bars, on one line.
fact() {
	if [ ! -f "$2" ] || [ ! -r "$2" ]; then
		missing "$2" "$1"
	elif v=$(tr "\000\n\r" "|  " <"$2" 2>/dev/null); then
		say "$1" "=$v"
	else
		say "$1" "!$2: not readable by tr"
	fi
}

# banner KEY PATTERN FILE: the version text inside a binary.
banner() {
	if [ -r "$3" ]; then
		b=$(grep -a -o "$2" "$3" 2>/dev/null | head -n 1)
		if [ -n "$b" ]; then say "$1" "=$b"; else say "$1" "-version text in $3"; fi
	else
		say "$1" "!$3: permission denied"
	fi
}

size() { set -- $(ls -lnL "$1" 2>/dev/null) && echo "$5"; }
real() { readlink -f "$1" 2>/dev/null || echo "$1"; }

say user "$(id -un 2>/dev/null)"
say uid "$(id -u)"
say groups "$(id -Gn 2>/dev/null)"
say home "$HOME"
say arch "$(uname -m)"
say kernel "=$(uname -r)"
say epoch "$(date +%s)"
[ -e /etc/rkops-lab ] && say simulated 1
dt=/sys/firmware/devicetree/base
[ -d $dt ] || dt=/proc/device-tree
fact serial $dt/serial-number
fact compatible $dt/compatible
fact model $dt/model
fact machine-id /etc/machine-id
fact os /etc/os-release
fact init /proc/1/comm
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) && say glibc "=${libc#glibc }"

seen=
for d in /usr/lib /usr/lib64 /usr/lib/aarch64-linux-gnu /usr/local/lib /lib /lib64 \
	/vendor/lib64 /vendor/lib /system/lib64 /oem/usr/lib; do
	f=$d/librknnrt.so
	[ -e "$f" ] || continue
	r=$(real "$f")
	case "$seen" in *"|$r|"*) continue ;; esac
	seen="$seen|$r|"
	say lib "$(size "$f")|$f|$r"
	banner lib-version "librknnrt version: [^ ]* ([^)]*)" "$f"
done

for f in /usr/bin/rknn_server /usr/local/bin/rknn_server /vendor/bin/rknn_server \
	/oem/usr/bin/rknn_server; do
	[ -e "$f" ] || continue
	say server "=$f"
	banner server-version "rknn_server version: [^ ]* ([^)]*)" "$f"
	break
done
for d in /proc/[0-9]*; do
	c=
	read -r c 2>/dev/null <"$d/comm" || continue
	case $c in
	rknn_server) say server-process "${d#/proc/} $(ls -ldn "$d" 2>/dev/null | tr -s " " | cut -d " " -f 3)" ;;
	adbd) say adbd "$(ls -ldn "$d" 2>/dev/null | tr -s " " | cut -d " " -f 3)" ;;
	esac
done
say processes done

for f in /sys/kernel/debug/rknpu/version /sys/kernel/debug/rknpu/driver_version \
	/proc/debug/rknpu/driver_version /proc/rknpu/version /sys/module/rknpu/version; do
	fact "driver@$f" "$f"
done
for d in /sys/module/rknpu /proc/rknpu /sys/bus/platform/drivers/RKNPU; do
	[ -e $d ] && say kernel-driver "=rknpu" && break
done
for d in /sys/module/rocket /sys/bus/platform/drivers/rocket /dev/accel/accel0; do
	[ -e $d ] && say kernel-driver "=rocket" && break
done
for d in /dev/rknpu /dev/accel/accel*; do [ -e "$d" ] && say node "$d"; done
for d in /sys/class/drm/renderD*; do
	case $(real "$d/device") in *.npu) say node "/dev/dri/${d##*/}" ;; esac
done
fact load /sys/kernel/debug/rknpu/load
fact power /sys/kernel/debug/rknpu/power

for d in /sys/class/devfreq/*; do
	case ${d##*/} in
	*.npu) k=npu ;;
	dmc | *.dmc) k=dmc ;;
	*) continue ;;
	esac
	say "$k" "$d"
	for f in governor available_governors available_frequencies cur_freq min_freq max_freq; do
		fact "$k-$f" "$d/$f"
	done
done
for d in /sys/class/thermal/thermal_zone*; do
	t=
	read -r t 2>/dev/null <"$d/type" || continue
	fact "zone@$t" "$d/temp"
done
fact meminfo /proc/meminfo

m=$1
[ -d "$m" ] && say model-dir-exists 1
p=$m b=
while [ -n "$p" ] && [ ! -d "$p" ]; do b=$p p=${p%/*}; done
[ -n "$b" ] && { [ -e "$b" ] || [ -L "$b" ]; } && say model-dir-blocked "$b"
p=${p:-/}
[ -w "$p" ] && say model-dir-writable 1
set -- $(df -Pk "$p" 2>/dev/null | tail -n 1)
[ -n "$4" ] && say free-kb "$4"
best=
while read -r x where x options x; do
	case $p/ in "${where%/}"/*) [ ${#where} -ge ${#best} ] && best=$where && o=$options ;; esac
done 2>/dev/null </proc/mounts
case ,$o, in *,ro,*) say model-dir-read-only 1 ;; esac
port=$(getprop service.adb.tcp.port 2>/dev/null)
[ -n "$port" ] && say adb-port "$port"
say end "$n"
