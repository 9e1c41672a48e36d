#!/bin/sh
# After an installation or an update. A bridge that runs is restarted: its browsers are told to come back. With grpcsse.socket, no
# connection is refused meanwhile. A bridge that does not run is not started.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart grpcsse.service
fi
