#!/usr/bin/env bash
# Run at boot: bring up what stands in for the hardware of a Pi.
set -eu

# /dev/video0: a camera that can be unplugged. /dev/video20: one that shows what is fed to it.
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0
modprobe v4l2loopback devices=1 video_nr=20 card_label=clip exclusive_caps=1

# The header's pins, under the name that they have on a Pi 4.
modprobe -a irq_sim gpio-sim
pins=/sys/kernel/config/gpio-sim/header
mkdir -p "$pins/bank0"
echo 28 >"$pins/bank0/num_lines"
echo pinctrl-bcm2711 >"$pins/bank0/label"
echo 1 >"$pins/live"
