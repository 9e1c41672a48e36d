#!/bin/sh
# Before a removal ("remove" for dpkg, 0 for rpm), and not before an update.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now grpcsse.socket grpcsse.service
	fi
	;;
esac
