"""Checks of groups, cameras and screens on made-up machines."""

from __future__ import annotations

import pytest

from edgepose.doctor import access, cameras, displays
from edgepose.doctor.finding import Intent

PLAN = Intent()
WEBCAM = "usb-046d_C920_1234-video-index0"


def test_a_user_in_all_groups_is_fine(pi4):
    """Groups that this system has not got are not asked for."""
    assert (
        access.groups(pi4.system, PLAN).sentence == "pi is in video, render, gpio, plugdev, input"
    )
    pi4.write("etc/group", "video:x:44:\n")
    assert access.groups(pi4.system, PLAN).sentence == "pi is in video"


def test_a_missing_group_is_named_with_the_command_that_adds_it(debian):
    """A warning as long as nobody said what is needed."""
    debian.changes |= {"groups": frozenset({44, 992, 46}), "user": "anna"}
    found = access.groups(debian.system, PLAN)
    assert (found.status, found.remedy) == ("warn", "sudo usermod -aG gpio,input anna")


def test_only_groups_of_configured_devices_fail(debian, planned):
    """A pin needs `gpio`; a USB camera needs `video` and not `gpio`."""
    debian.changes |= {"groups": frozenset({44}), "user": "anna"}
    pin = planned(outputs="{relay: {type: gpio, line: 17, when: person}}")
    assert access.groups(debian.system, pin).remedy == "sudo usermod -aG gpio anna"
    assert access.groups(debian.system, pin).status == "fail"
    assert access.groups(debian.system, planned("{type: v4l2}")).status == "ok"


def test_a_group_that_came_after_the_login_needs_a_new_login(debian):
    """The trap after usermod: the file knows, the session does not."""
    debian.changes["groups"] = frozenset({44, 992, 46, 995})
    debian.write("etc/group", "video:x:44:pi\ngpio:x:993:pi\n")
    assert "log out" in access.groups(debian.system, PLAN).remedy


def test_root_needs_no_group(debian):
    """And a damaged group file needs no crash."""
    debian.write("etc/group", "video:x:no number:pi\nhalf a line\n")
    assert access.groups(debian.system, PLAN).sentence == "pi needs no group"
    debian.changes["is_root"] = True
    assert "root" in access.groups(debian.system, PLAN).sentence


def test_a_pis_codecs_are_no_cameras(pi4):
    """Nodes of the codec and of the raw sensor input are left out."""
    assert cameras.usb_cameras(pi4.system) == ()
    found = cameras.camera(pi4.system, PLAN)
    assert found.status == "warn"
    pi4.camera("video1", "HD Pro Webcam C920", by_id=WEBCAM)
    pi4.camera("video2", "HD Pro Webcam C920", index=1)
    assert cameras.camera(pi4.system, PLAN).sentence == f"found /dev/v4l/by-id/{WEBCAM}"


def test_a_camera_without_a_lasting_name_is_named_by_its_node(debian):
    """Loopback devices have no serial number."""
    debian.camera("video20", "Loopback")
    assert cameras.usb_cameras(debian.system) == ("/dev/video20",)


def test_the_ribbons_camera_is_listed_by_its_sensor(pi5):
    """Lines about modes are not cameras."""
    assert cameras.csi_cameras(pi5.system) == ("imx708",)
    assert cameras.camera(pi5.system, PLAN).sentence == "found imx708"


def test_no_tool_is_told_from_no_camera(pi4, planned):
    """Without a tool nobody knows: a warning, with what brings the tool."""
    plan = planned("{type: picamera2}")
    assert cameras.camera(pi4.system, plan).status == "fail"
    del pi4.answers["libcamera-hello --list-cameras"]
    found = cameras.camera(pi4.system, plan)
    assert (found.status, found.remedy) == ("warn", "sudo apt install -y rpicam-apps")


MODULE_2 = """Available cameras
-----------------
0 : imx219 [3280x2464 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@88000/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [103.33 fps - (1000, 752)/1280x960 crop]
                             1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
                             1920x1080 [47.57 fps - (680, 692)/1920x1080 crop]
"""


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ("", "ok", "100 % of the sensor's width and 75 % of its height, read at [1232, 1640]"),
        (", fps: 60", "warn", "at most 41.85 times a second"),
        (", field_of_view: any", "warn", "it may be only 39 % of the width"),
    ],
)
def test_what_part_of_the_sensor_is_seen_is_said(pi5, planned, options, status, words):
    """From the tool's list of modes; the camera itself may be in use."""
    pi5.answer("rpicam-hello --list-cameras", 0, MODULE_2)
    plan = planned(f"{{type: picamera2{options}}}")
    found = cameras.field_of_view(pi5.system, plan)
    assert (found.status, words in found.sentence) == (status, True), found.sentence


def test_no_field_of_view_is_said_without_modes_or_ribbon_camera(pi4, pi5, planned):
    """A USB camera, none at all, or a tool that lists no modes."""
    assert cameras.field_of_view(pi5.system, planned("{type: v4l2}")) is None
    assert cameras.field_of_view(pi4.system, planned("{type: picamera2}")) is None
    pi5.answer("rpicam-hello --list-cameras", 0, "0 : imx708 [4608x2592] (/base)\n")
    assert cameras.field_of_view(pi5.system, planned("{type: picamera2}")) is None


def test_the_configured_ribbon_camera_is_looked_for(pi5, planned):
    """By its number."""
    assert cameras.camera(pi5.system, planned("{type: picamera2}")).status == "ok"
    found = cameras.camera(pi5.system, planned("{type: picamera2, camera: 1}"))
    assert found.status == "fail"
    assert "imx708" in found.sentence


def test_the_configured_usb_camera_is_looked_for(debian, planned):
    """A missing one fails with the name of one that is there."""
    plan = planned("{type: v4l2}")
    assert cameras.camera(debian.system, plan).remedy == "plug in the USB camera"
    debian.camera("video4", "C920", by_id=WEBCAM)
    assert cameras.camera(debian.system, plan).remedy.endswith(WEBCAM)
    there = planned("{type: v4l2, device: /dev/video4}")
    assert cameras.camera(debian.system, there).status == "ok"
    debian.changes["access"] = lambda path, mode: False
    assert "usermod -aG video" in cameras.camera(debian.system, there).remedy


def test_a_number_that_may_move_is_warned_of_where_there_are_two_cameras(debian, planned):
    """One camera alone keeps its number."""
    plan = planned("{type: v4l2, device: /dev/video0}")
    debian.camera("video0", "one", by_id="usb-one-index0")
    assert cameras.camera_name(debian.system, plan) is None
    debian.camera("video2", "two", by_id="usb-two-index0")
    assert "by-id/usb-one" in cameras.camera_name(debian.system, plan).remedy
    by_id = planned("{type: v4l2, device: /dev/v4l/by-id/usb-one-index0}")
    assert cameras.camera_name(debian.system, by_id) is None


def test_recorded_pictures_must_be_readable(debian, planned, tmp_path):
    """A clip that this user may not read fails."""
    clip = tmp_path / "clip.mp4"
    clip.touch()
    plan = planned(f"{{type: video, path: {clip}}}")
    assert cameras.file(debian.system, plan).status == "ok"
    assert cameras.file(debian.system, planned()) is None
    debian.changes["access"] = lambda path, mode: False
    assert cameras.file(debian.system, plan).status == "fail"


def test_a_connected_display_is_named_with_its_mode(pi4):
    """Plugs with nothing in them, and the write-back engine, are left out."""
    assert displays.display(pi4.system, PLAN).sentence == "HDMI-A-2 1920x1080"
    assert displays.connectors(pi4.system) == {"HDMI-A-1": None, "HDMI-A-2": "1920x1080"}


def test_a_display_fails_only_where_one_is_configured(pi4, planned):
    """Not connected: a warning, a failure, or of no interest."""
    pi4.write("sys/class/drm/card1-HDMI-A-2/status", "disconnected\n")
    assert displays.display(pi4.system, PLAN).status == "warn"
    assert displays.display(pi4.system, planned(outputs="{s: {type: hdmi}}")).status == "fail"
    assert displays.display(pi4.system, planned()) is None
    hidden = planned(outputs="{s: {type: hdmi, sink: 'null'}}")
    assert displays.display(pi4.system, hidden) is None


def test_the_wanted_plug_must_be_the_connected_one(pi4, planned):
    """A display in the other plug does not help."""
    wrong = planned(outputs="{s: {type: hdmi, connector: HDMI-A-1}}")
    right = planned(outputs="{s: {type: hdmi, connector: HDMI-A-2}}")
    assert displays.display(pi4.system, wrong).status == "fail"
    assert displays.display(pi4.system, right).status == "ok"


def test_what_a_console_needs_is_looked_for(pi4):
    """Without libdrm nothing comes onto the console."""
    pi4.root.joinpath("usr/lib/aarch64-linux-gnu/libdrm.so.2").unlink()
    assert displays.display(pi4.system, PLAN).remedy == "sudo apt install -y libdrm2"


@pytest.mark.parametrize(("framebuffer", "status"), [(True, "ok"), (False, "warn")])
def test_a_pi_without_plugs_lacks_its_driver(pi5, framebuffer, status):
    """A framebuffer will do."""
    if framebuffer:
        pi5.write("dev/fb0")
    found = displays.display(pi5.system, PLAN)
    assert found.status == status
    assert ("vc4-kms-v3d" in found.remedy) is not framebuffer


def test_a_machine_without_any_plug_is_not_blamed(debian, planned):
    """Unless a screen is configured."""
    assert displays.display(debian.system, PLAN).status == "ok"
    assert displays.display(debian.system, planned()) is None
    assert displays.display(debian.system, planned(outputs="{s: {type: hdmi}}")).status == "fail"
