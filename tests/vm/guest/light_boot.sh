#!/bin/bash
# A light boot: the kernel runs this instead of systemd. It writes until the power is cut.
export PATH=/usr/sbin:/usr/bin PYTHONDONTWRITEBYTECODE=1
cd /root/power_cut || exit 1
exec /opt/edgepose/venv/bin/python writer.py /var/lib/edgepose/power_cut
