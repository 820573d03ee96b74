"""The words that people see and hear, in their language: English built in, others as tables.

A table is a YAML file of `key: text`; `configs/languages` ships some, and one's own is named by
its path. A text that a table leaves out is English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from pydantic import Field, ValidationInfo, field_validator

from edgepose.correction import ENGLISH, Correction
from edgepose.errors import ConfigError, near_miss
from edgepose.options import Options
from edgepose.system.paths import folders
from edgepose.yamldoc.validation import read_checked

BUILT_IN: Final = "en"

PAGE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "skip": "Skip to the watches",
        "needs_javascript": "This page needs JavaScript.",
        "log_in": "Log in",
        "log_in_title": "log in",
        "log_in_about": "Log in to see what this device sees, to tune it and to teach it poses.",
        "log_out": "Log out",
        "token": "Token",
        "token_hint": "The token is in the configuration, or in the file web-token "
        "of the device's state folder.",
        "wrong_token": "That is not the token of this device.",
        "too_many_tokens": "Too many wrong tokens. Wait {seconds} seconds, then try again.",
        "log_in_again": "Log in again.",
        "unreachable": "The device can't be reached.",
        "answered": "The device answered {status}.",
        "profile": "Profile",
        "pause": "Pause",
        "resume": "Resume",
        "connecting": "Connecting …",
        "not_connected": "Not connected; trying again …",
        "paused": "Paused",
        "waiting_camera": "Waiting for the camera …",
        "no_picture_for": "No picture for {seconds} s",
        "watching": "Watching",
        "watching_fps": "Watching · {fps} fps",
        "picture": "Picture",
        "live_picture": "Live picture with people marked",
        "live_skeleton": "Live picture: people as lines on black",
        "waiting_picture": "Waiting for the picture …",
        "no_pictures": "Pictures are switched off on this device.",
        "nobody": "Nobody in view",
        "one_person": "1 person",
        "people": "{count} people",
        "watches": "Watches",
        "no_watches": "No watch is configured yet. Teach a pose, or add a watch to "
        "the configuration.",
        "phase_idle": "Waiting",
        "phase_holding": "Hold it",
        "phase_active": "Shown",
        "phase_releasing": "Shown",
        "phase_cooldown": "Pausing",
        "phase_settling": "Hold still",
        "phase_ready": "Ready",
        "phase_going": "On the way",
        "phase_target": "Target reached",
        "phase_returning": "Going back",
        "phase_resting": "Rest",
        "seen_now": "Seen",
        "start": "Start",
        "skip_step": "Skip step",
        "stop": "Stop",
        "step_of": "Step {number} of {steps}: {title}",
        "step_left": "{seconds} s left",
        "next_step": "Next: {title}",
        "routine_finished": "Finished: {percent} % in {seconds} s",
        "score_of": "Score of {title}",
        "every_limb": "Every limb matches",
        "nobody_to_compare": "Nobody to compare",
        "limbs_off": "{count} limbs are off",
        "no_limb_off": "No limb is off",
        "thresholds": "Thresholds",
        "enter": "Enter",
        "enter_about": "Score from which the pose is shown",
        "exit": "Exit",
        "exit_about": "Score below which the pose ends",
        "hold": "Hold",
        "hold_about": "How long the pose must be held to count",
        "release": "Release",
        "release_about": "Time below exit until the pose ends",
        "cooldown": "Cooldown",
        "cooldown_about": "Pause until the pose can count again",
        "tolerance": "Tolerance",
        "tolerance_about": "How far a limb may be off",
        "as_in_template": "as in the template",
        "mark_enter": "enter",
        "mark_exit": "exit",
        "mark_target": "target",
        "last_minute": "Last minute",
        "curve_of": "Score of {title} over the last minute, now {score}",
        "today": "Today",
        "nothing_today": "Nothing has been done today.",
        "history": "Last two weeks",
        "person": "Person {number}",
        "repetitions": "{count} repetitions",
        "one_repetition": "1 repetition",
        "of_goal": "of {goal}",
        "seconds": "{seconds} s",
        "held_seconds": "held for {seconds} s",
        "shown_times": "shown: {count}",
        "finished_times": "finished: {count}",
        "range": "range {least} to {most}",
        "best_day": "best day {count}",
        "per_day": "{title}, by day",
        "events": "Events",
        "no_events": "Nothing has happened yet.",
        "event_start": "shown",
        "event_end": "left",
        "event_update": "held",
        "event_rep": "repetition",
        "event_partial": "not far enough",
        "event_set": "set",
        "event_goal": "goal reached",
        "event_routine": "started",
        "event_step": "step",
        "event_timeout": "time is up",
        "event_finished": "finished",
        "event_abandoned": "ended early",
        "score": "score {score}",
        "health": "Health",
        "statistics": "Statistics",
        "source": "Source",
        "model": "Model",
        "board": "Board",
        "config": "Config",
        "memory": "{used} MB of memory, {left} MB left",
        "disk": "{left} MB of disk left",
        "disk_read_only": "read-only disk",
        "up_for": "edgepose {version}, up for {time}",
        "stage": "Stage",
        "count": "Count",
        "not_known": "not known",
        "reload": "Reload configuration",
        "restart": "Restart",
        "changes": "Changes",
        "unsaved": "Changes are in use, but not saved.",
        "undo": "Undo",
        "save": "Save",
        "cancel": "Cancel",
        "close": "Close",
        "done_button": "Done",
        "teach_pose": "Teach a pose",
        "teach_about": "Take the pose in front of the camera and hold it until the "
        "picture is taken.",
        "pose_name": "Name of the pose",
        "name_hint": "Letters, digits, - and _ ; the file gets this name.",
        "get_ready": "Time to get ready",
        "what_counts": "What counts",
        "all": "All",
        "arms": "Arms",
        "legs": "Legs",
        "watch_at_once": "Watch for it at once",
        "hold_still": "Hold",
        "no_picture_taken": "No picture was taken.",
        "no_answer": "the device did not answer in time",
        "refused_nobody": "nobody is in sight for long enough; step in front of the "
        "camera and try again",
        "refused_cut_off": "you can't be seen whole in the picture; step back, or leave "
        "out what can't be seen",
        "refused_unsure": "the model is not sure; more light, plain clothes or a larger model help",
        "refused_moving": "hold still until the picture is taken",
        "pose_taught": "Pose taught",
        "learnt": "'{name}' is learnt.",
        "learnt_watched": "'{name}' is learnt, and watched for.",
        "pose_drawn": "The pose that was learnt",
        "taught_with": "Taught with the model {model}.",
        "small_model": "{model} is the small model that comes with edgepose; a "
        "larger one sees poses more exactly.",
        "look_for_it": "Look for it in",
        "use_it": "Use it",
        "again": "Take it again",
        "not_now": "Not now",
        "teach_exercise": "Teach an exercise",
        "learn_about": "Stand so that the camera sees all of you. After five "
        "seconds, do it a few times, evenly, and come back to the start each time.",
        "exercise_name": "Name of the exercise",
        "how_often": "How often, four seconds each",
        "exercise_learned": "Exercise learned",
        "do_it": "Do it {count} times.",
        "nothing_learned": "Nothing was learned.",
        "sure_restart": "Restart the device's program?",
        "sure_about": "It stops for a few seconds. Changes that are not saved are lost.",
        "sections": "Parts of the page",
        "tab_live": "Live",
        "tab_device": "Device",
        "filters": "Filters",
        "filter_watch": "Watch",
        "filter_kind": "Kind",
        "filter_person": "Person",
        "all_watches": "All watches",
        "all_kinds": "All kinds",
        "everybody": "Everybody",
        "kind_poses": "Poses",
        "kind_repetitions": "Repetitions",
        "kind_sets": "Sets and goals",
        "kind_routines": "Routines",
        "events_shown": "{shown} of {count}",
        "show_all": "Show all",
        "no_match": "No event is of this kind.",
        "figure_you": "The person in view",
        "figure_target": "What it should look like",
        "tab_config": "Setup",
        "config_title": "Configuration",
        "config_about": "What is wrong is marked where it stands. A configuration is kept only "
        "once this page runs with it; otherwise the one before comes back.",
        "config_off": "This page may not edit the configuration. Where that is wanted, add "
        "this to the device's file.",
        "config_not_file": "The file is no YAML at present. This is what runs; saving it replaces "
        "the file.",
        "config_text": "Configuration as YAML",
        "config_save": "Save and use",
        "config_trying": "Trying it; the device may restart parts …",
        "config_taken": "The configuration is taken over.",
        "config_lost": "The device was not reached with it; the configuration before comes back.",
        "no_mistakes": "No mistakes",
        "one_mistake": "1 mistake",
        "mistakes": "{count} mistakes",
        "line": "Line {line}",
        "tab_library": "Poses",
        "exercises": "Exercises",
        "find": "Find a pose or an exercise",
        "nothing_found": "Nothing has this name.",
        "file_damaged": "Its file can't be used",
        "used_by": "Watched by {watches}",
        "taught_here": "Taught here",
        "own_file": "From a file of this device",
        "shipped": "Comes with edgepose",
        "watch_it": "Watch for it",
        "rename": "Rename",
        "delete": "Delete",
        "new_name": "New name",
        "sure_delete": "Delete it for good?",
        "sure_delete_about": "Its file and its picture are removed from the device.",
        "count_at_once": "Count it at once",
        "log": "Log",
        "log_level": "How much of the log",
        "log_all": "Everything",
        "log_warnings": "Warnings and errors",
        "log_errors": "Errors",
        "no_log": "Nothing to report.",
        "guide_title": "First steps",
        "guide_picture": "The camera shows a picture.",
        "guide_person": "Stand so that you are seen from head to foot.",
        "guide_watch": "Teach a pose, or choose an exercise under Poses.",
        "guide_event": "Do it: it is counted here and listed under Events.",
        "guide_finished": "That is all. What happens then, a sound, a light, a message, stands "
        "under outputs in the configuration.",
        "all_well": "Everything works.",
        "one_trouble": "One thing needs attention.",
        "troubles": "{count} things need attention.",
        "source_running": "Pictures come in.",
        "source_backing_off": "No pictures at present; it is tried again.",
        "source_degraded": "Pictures come in, but they can hardly be used.",
        "runtime_degraded": "Works, but not on the chip meant for it.",
        "part_running": "Works.",
        "part_starting": "Is being started …",
        "part_degraded": "Works in part.",
        "part_backing_off": "Does not work at present; it is tried again.",
        "part_hung": "Does not answer; it is restarted.",
        "part_ended": "Has come to its end.",
        "part_off": "Switched off.",
        "heat_degraded": "Too hot: it slows down. Give it air or a heat sink.",
        "power_degraded": "The power supply is too weak.",
        "disk_degraded": "The disk is nearly full.",
        "memory_degraded": "Memory is nearly full.",
        "journal_degraded": "Events would not outlive a power cut at present.",
        "perception_hung": "Pictures are not looked at; it is restarted.",
        "name_heat": "Heat",
        "name_power": "Power",
        "name_disk": "Disk",
        "name_memory": "Memory",
        "name_journal": "Journal",
        "name_perception": "Perception",
        "config_used": "In use.",
        "config_refused": "Has a mistake; the last good one runs.",
        "not_done": "That did not work.",
        "done_detect": "Done.",
        "done_profile": "Another profile is in use.",
        "done_template": "It is watched for now; not saved yet.",
        "done_thresholds": "Changed; not saved yet.",
        "done_routine": "Done.",
        "done_capture": "Done.",
        "done_learn": "The exercise is learned and written to the device.",
        "done_save": "Saved.",
        "done_reload": "The configuration was read again.",
        "done_restart": "It restarts …",
        "done_rename": "It has a new name.",
        "done_delete": "It is deleted.",
        "done_watch": "It is watched for.",
    }
)
"""The texts of the web page."""


ENTITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "occupancy": "Occupancy",
        "persons": "Persons",
        "event": "Event",
        "camera": "Camera",
        "frame_rate": "Frame rate",
        "detection": "Detection",
        "profile": "Profile",
        "restart": "Restart",
        "teach": "Teach a pose",
        "teach_named": "Teach a pose named",
        "teaching": "Teaching",
        "pose": "{title}",
        "score": "{title} score",
        "count": "{title} count",
        "phase": "{title} phase",
        "time": "{title} time",
        "step": "{title} step",
        "event_of": "{title} event",
        "start": "{title} start",
        "stop": "{title} stop",
        "skip": "{title} skip",
        "picture": "Skeleton",
        "problem": "Problem",
        "update": "Update",
        "temperature": "Temperature",
        "threshold_enter": "{title} starts at",
        "threshold_exit": "{title} ends below",
        "threshold_hold": "{title} hold time",
        "threshold_release": "{title} release time",
        "threshold_cooldown": "{title} pause",
    }
)
"""The names of entities in Home Assistant; a watch's title stands in the place of {title}."""

_TABLES: Final = {
    "corrections": ("correction", ENGLISH),
    "page": ("text of the page", PAGE),
    "entities": ("entity", ENTITIES),
}


class Phrases(Options):
    """The texts of a language; names in braces are filled in."""

    voice: str = "en"  # of espeak-ng
    count: str = "{count}"
    halfway: str = "halfway"
    more: str = "{count} more"
    last: str = "last one"
    seconds_left: str = "{seconds} seconds to go"
    goal_reached: str = "well done"
    set_done: str = "{count} repetitions"
    rest: str = "rest"
    next_step: str = "next: {title}"
    finished: str = "finished, well done"
    is_over: str = "finished"
    take_pose: str = "take the pose"
    keep_still: str = "hold still"
    learnt: str = "{title} is learnt"
    not_learnt: str = "{title} is not learnt"
    steps_done: str = "{count} steps"
    time_left: str = "{seconds} s left"
    of_goal: str = "of {goal}"
    seconds: str = "{seconds} seconds"
    scan: str = "scan me"
    corrections: dict[str, str] = Field(default=dict(ENGLISH))
    page: dict[str, str] = Field(default=dict(PAGE))
    entities: dict[str, str] = Field(default=dict(ENTITIES))

    @field_validator("corrections", "page", "entities")
    @classmethod
    def _are_known(cls, texts: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        """Return the texts with the English ones that are left out; refuse unknown keys."""
        what, english = _TABLES[str(info.field_name)]
        for key, text in texts.items():
            if key not in english:
                raise ValueError(f"unknown {what} '{key}'{near_miss(key, english)}")
            _check_places(text, english[key])
        return {**english, **texts}

    @field_validator("*")
    @classmethod
    def _fills_in_what_there_is(cls, text: Any, info: ValidationInfo) -> Any:
        """Refuse a name in braces that nobody fills in."""
        if isinstance(text, str):
            _check_places(text, cls.model_fields[str(info.field_name)].default)
        return text


def _check_places(text: str, default: str) -> None:
    known = _places(default)
    surplus = _places(text) - known
    if surplus:
        names = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
        raise ValueError(f"{{{min(surplus)}}} is not filled in here; expected {names}")


def in_language(texts: Mapping[str, str] | None, language: str) -> str:
    """Return the text in a language, else the first that there is, `""` of none."""
    return (texts or {}).get(language) or next(iter((texts or {}).values()), "")


def title_of(name: str) -> str:
    """Return a name for people: blanks for underscores, the first letter large."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its name, "en" or "de", with its texts."""

    name: str = BUILT_IN
    phrases: Phrases = field(default_factory=Phrases)

    def text(self, key: str, **values: object) -> str:
        """Return the text of a key of `Phrases`, filled in."""
        text: str = getattr(self.phrases, key)
        return text.format(**values)

    def page(self, key: str, **values: object) -> str:
        """Return the text of a key of `PAGE`, filled in."""
        return self.phrases.page[key].format(**values)

    def entity(self, key: str, title: str = "") -> str:
        """Return the name of an entity of `ENTITIES`, of a watch with its title."""
        return self.phrases.entities[key].format(title=title)

    def correction(self, correction: Correction) -> str:
        """Return the words for what a person should change."""
        return correction.text(self.phrases.corrections)


def load_language(name: str, base: Path | None = None) -> Language:
    """Return a language by its shipped name ("de"), or by the path of one's own table.

    base: the folder that a relative path starts from. Raises ConfigError for a table that is
    missing or wrong, with every mistake and its line.
    """
    if name == BUILT_IN:
        return Language()
    path = _path(name, base)
    return Language(path.stem, read_checked(path, Phrases, ConfigError))


def shipped_languages() -> dict[str, Path]:
    """Return the tables that come with edgepose, by name; English needs none."""
    places = folders("configs", "languages")
    return {path.stem: path for place in places for path in place.glob("*.yaml")}


def _path(name: str, base: Path | None) -> Path:
    if name.endswith((".yaml", ".yml")):
        return (base or Path()) / name
    tables = shipped_languages()
    if name not in tables:
        known = sorted({BUILT_IN, *tables})
        raise ConfigError(
            f"expected {', '.join(known)} or the path of a table, found '{name}'"
            f"{near_miss(name, known)}"
        )
    return tables[name]


def _places(text: str) -> set[str]:
    """Return the names in braces. Raises ValueError for a lone brace, and for more than a name.

    A width, as in `{count:>1000000000}`, would fill the memory.
    """
    found = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    for name, width, conversion in found:
        if width or conversion:
            raise ValueError(f"expected {{{name}}} alone, without `:` and `!`")
    return {str(name) for name, _, _ in found}
