"""The mode with the largest field of view, on the sensors of the Pi's own camera modules."""

from __future__ import annotations

import pytest

from edgepose.sources.sensor_modes import SensorMode, listed_modes, share, widest

HD, VGA = (720, 1280), (480, 640)

# As `rpicam-hello --list-cameras` prints them.
LISTED = {
    "ov5647": """0 : ov5647 [2592x1944 10-bit GBRG] (/base/soc/i2c0mux/i2c@1/ov5647@36)
    Modes: 'SGBRG10_CSI2P' : 640x480 [58.92 fps - (16, 0)/2560x1920 crop]
                             1296x972 [43.25 fps - (0, 0)/2592x1944 crop]
                             1920x1080 [30.62 fps - (348, 434)/1928x1080 crop]
                             2592x1944 [15.63 fps - (0, 0)/2592x1944 crop]""",
    "imx219": """0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [103.33 fps - (1000, 752)/1280x960 crop]
                             1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
                             1920x1080 [47.57 fps - (680, 692)/1920x1080 crop]
                             3280x2464 [21.19 fps - (0, 0)/3280x2464 crop]""",
    "imx477": """0 : imx477 [4056x3040 12-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx477@1a)
    Modes: 'SRGGB10_CSI2P' : 1332x990 [120.05 fps - (696, 528)/2664x1980 crop]
           'SRGGB12_CSI2P' : 2028x1080 [50.03 fps - (0, 440)/4056x2160 crop]
                             2028x1520 [40.01 fps - (0, 0)/4056x3040 crop]
                             4056x3040 [10.00 fps - (0, 0)/4056x3040 crop]""",
    "imx708": """0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
                             2304x1296 [56.03 fps - (0, 0)/4608x2592 crop]
                             4608x2592 [14.35 fps - (0, 0)/4608x2592 crop]""",
}


@pytest.mark.parametrize(
    ("sensor", "size", "mode", "percent"),
    [
        ("ov5647", HD, (972, 1296), (100, 75)),
        ("imx219", HD, (1232, 1640), (100, 75)),
        ("imx477", HD, (1520, 2028), (100, 75)),
        ("imx708", HD, (1296, 2304), (100, 100)),
        ("ov5647", VGA, (480, 640), (99, 99)),
        ("imx219", VGA, (1232, 1640), (100, 100)),
        ("imx708", VGA, (1296, 2304), (75, 100)),
    ],
)
def test_every_module_shows_its_whole_field(sensor, size, mode, percent):
    """All of its width at 16:9 and 30 frames a second; at 4:3 what the sensor's shape leaves."""
    modes = listed_modes(LISTED[sensor])
    chosen = widest(modes, size, 30.0)
    assert chosen.size == mode
    assert share(chosen, modes, size) == percent


def test_what_libcamera_picks_for_720p_is_a_part():
    """The reason for choosing: 67 % of the width with module 3, 59 % with module 2."""
    part = {"imx708": 0, "imx219": 2}
    shares = {}
    for sensor, index in part.items():
        modes = listed_modes(LISTED[sensor])
        shares[sensor] = share(modes[index], modes, HD)[0]
    assert shares == {"imx708": 67, "imx219": 59}


def test_a_rate_above_the_full_fields_takes_its_fastest_mode():
    """The field goes first."""
    assert widest(listed_modes(LISTED["imx219"]), HD, 90.0).size == (1232, 1640)


def test_a_picture_larger_than_the_sensor_takes_all_pixels():
    """Of the modes that are fast enough, the sharpest."""
    assert widest(listed_modes(LISTED["imx708"]), (3000, 4000), 10.0).size == (2592, 4608)


def test_more_bits_are_better_at_the_same_size():
    """The same readout with less banding."""
    modes = [SensorMode(HD, HD, 30.0, bits) for bits in (10, 12, 8)]
    assert widest(modes, HD, 30.0).bits == 12


def test_a_tool_that_lists_no_modes_names_none():
    """Older ones, and USB cameras."""
    assert listed_modes("0 : imx708 [4608x2592] (/base)\n") == ()
