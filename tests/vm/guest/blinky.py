"""Hold a pin until somebody ends it, as a program that was forgotten does: blinky.py LINE."""

import signal
import sys

import gpiod

settings = gpiod.LineSettings(direction=gpiod.line.Direction.OUTPUT)
with gpiod.request_lines("/dev/gpiochip0", consumer="blinky", config={int(sys.argv[1]): settings}):
    sys.stdout.write("blinky holds the pin\n")
    sys.stdout.flush()
    signal.pause()
