"""A configuration read: defaults, sections, `--set`, the environment, and paths."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgepose import options
from edgepose.config import plugins
from edgepose.config.loader import Config, load, loads
from edgepose.config.smoothing import FILTERS
from edgepose.core.smoothing import PRESETS, Exponential, NoSmoothing, OneEuro
from edgepose.core.templates import Template
from edgepose.core.trigger import Thresholds
from edgepose.definitions import template_file
from edgepose.errors import ConfigError
from edgepose.skeleton import INDEX, NUM_KEYPOINTS

MINIMAL = "version: 1\nsource: {type: synthetic}\n"

UP = {
    "left_shoulder": (30, 70), "right_shoulder": (30, 30), "left_elbow": (20, 75),
    "right_elbow": (20, 25), "left_wrist": (5, 75), "right_wrist": (5, 25),
    "left_hip": (80, 60), "right_hip": (80, 40),
}  # fmt: skip


def a_template(name: str) -> Template:
    """Return a template of both arms up, the legs unseen."""
    points = np.full((1, NUM_KEYPOINTS, 2), np.nan)
    for keypoint, place in UP.items():
        points[0, INDEX[keypoint]] = place
    return Template(name, points)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two templates."""
    for name in ("up", "other"):
        template_file.save(tmp_path / f"{name}.yaml", a_template(name))
    return tmp_path


def read(folder: Path, text: str, *sets: str, **environ: str) -> Config:
    """Return the configuration of a text, as a file of that folder."""
    file = folder / "kiosk.yaml"
    file.write_text(text)
    return load(file, sets, environ)


def complaint(folder: Path, text: str, *sets: str, **environ: str) -> str:
    """Return what is said about a text, without the folder's name."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text, *sets, **environ)
    return str(caught.value).replace(f"{folder}/", "")


class TestDefaults:
    """What a file of two lines gives."""

    def test_version_and_source_are_enough(self, folder: Path):
        """Everything else has a default."""
        config = read(folder, MINIMAL)
        assert config.source.type == "synthetic"
        assert config.smoothing == "normal"
        assert (config.people.max, config.people.select) == (1, "largest")
        assert (config.model.runtime, config.model.threads) == ("auto", "auto")
        assert (dict(config.watches), dict(config.outputs)) == ({}, {})

    def test_the_name_is_the_hosts(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        """Without what parts MQTT topics, and never empty."""
        monkeypatch.setattr(socket, "gethostname", lambda: "lab/pi+4#")
        assert read(folder, MINIMAL).name == "labpi4"
        monkeypatch.setattr(socket, "gethostname", lambda: "#")
        assert read(folder, MINIMAL).name == "edgepose"

    def test_a_section_whose_lines_are_commented_out_is_empty(self, folder: Path):
        """`watch:` with nothing under it is no watch, not a mistake."""
        config = read(folder, MINIMAL + "watch:\n  # a: {}\noutputs:\npeople:\nmodel:\nname:\n")
        assert not config.watches
        assert config.people.max == 1

    def test_a_watch_fires_as_the_trigger_does_by_itself(self, folder: Path):
        """The defaults are those of the core, written down once."""
        watch = read(folder, MINIMAL + "watch: {a: {template: up.yaml}}").watches["a"]
        given = (watch.enter, watch.exit, watch.hold, watch.release, watch.cooldown)
        core = Thresholds()
        assert given == (core.enter, core.exit, core.hold, core.release, core.cooldown)


class TestSections:
    """Each section arrives as values that the parts are made from."""

    def test_a_source_comes_with_its_own_options(self, folder: Path):
        """The class of the type has checked them."""
        config = read(folder, "version: 1\nsource: {type: v4l2, size: [240, 320], fps: 15}\n")
        assert config.source.options.model_dump()["size"] == (240, 320)
        assert config.source.make.__name__ == "V4l2"

    def test_outputs_keep_their_names_and_order(self, folder: Path):
        """Two outputs of one type are two."""
        text = MINIMAL + "outputs: {z: {type: memory}, a: {type: memory}}\n"
        assert list(read(folder, text).outputs) == ["z", "a"]

    @pytest.mark.parametrize("preset", PRESETS)
    def test_smoothing_takes_every_preset(self, folder: Path, preset: str):
        """By name, as the core knows them."""
        assert read(folder, MINIMAL + f"smoothing: {preset}\n").smoothing == preset

    def test_smoothing_takes_a_filter_with_its_parameters(self, folder: Path):
        """What is not written keeps the filter's default."""
        text = MINIMAL + "smoothing: {filter: one_euro, beta: 3}\n"
        assert read(folder, text).smoothing == OneEuro(beta=3.0)

    @pytest.mark.parametrize(
        ("name", "setting"),
        [("one_euro", OneEuro()), ("exponential", Exponential()), ("none", NoSmoothing())],
    )
    def test_every_filter_has_the_cores_defaults(self, name: str, setting: object):
        """A section without keys is the dataclass without arguments."""
        assert FILTERS[name]().setting() == setting

    def test_a_zone_is_a_list_of_corners(self, folder: Path):
        """(y, x), normalised."""
        text = MINIMAL + "people: {zone: [[0, 0], [0, 1], [1, 0.5]]}\n"
        assert read(folder, text).people.zone == ((0, 0), (0, 1), (1, 0.5))

    def test_a_model_is_called_by_name_or_file(self, folder: Path):
        """The default has a name too."""
        assert read(folder, MINIMAL).model.label == "movenet-lightning-int8"
        config = read(folder, MINIMAL + "model: {path: up.yaml}\n")
        assert config.model.label == str(folder / "up.yaml")

    def test_a_bare_file_name_is_left_to_the_search_path(self, folder: Path):
        """`name` may be a .tflite file that stands there when edgepose runs."""
        assert read(folder, MINIMAL + "model: {name: x.tflite}\n").model.name == "x.tflite"

    def test_numbers_may_be_quoted(self, folder: Path):
        """An expanded variable is text, so text that is a number is one."""
        assert read(folder, MINIMAL + 'people: {max: "3"}\n').people.max == 3

    def test_exponents_are_numbers(self, folder: Path):
        """1e-3, which YAML 1.1 reads as text."""
        text = MINIMAL + "watch: {a: {template: up.yaml, hold: 1e-3}}\n"
        assert read(folder, text).watches["a"].hold == 0.001


class TestTemplates:
    """A watch's templates are loaded, and compared as the watch says."""

    def test_one_or_several(self, folder: Path):
        """A path, or a list of which one must fit."""
        text = MINIMAL + "watch: {a: {template: up.yaml}, b: {template: [up.yaml, other.yaml]}}\n"
        config = read(folder, text)
        assert [len(config.templates[name]) for name in "ab"] == [1, 2]
        assert config.watches["b"].templates == (folder / "up.yaml", folder / "other.yaml")

    def test_a_watch_that_says_nothing_changes_nothing(self, folder: Path):
        """The file's tolerances hold."""
        template = template_file.load(folder / "up.yaml")
        own = read(folder, MINIMAL + "watch: {a: {template: up.yaml}}\n").templates["a"][0]
        assert (own.angle_deviation, own.mirror, own.required) == (
            template.angle_deviation, template.mirror, template.required,
        )  # fmt: skip

    def test_the_watchs_tolerances_win(self, folder: Path):
        """For all limbs, and for single ones."""
        text = MINIMAL + (
            "watch: {a: {template: up.yaml, angle_deviation: 10, mirror: true, min_visible: 3,\n"
            "  limbs: {left_forearm: {weight: 4, angle_deviation: 40}, hips: {ignore: true}}}}\n"
        )
        template = read(folder, text).templates["a"][0]
        assert (template.angle_deviation, template.mirror, template.required) == (10, True, 3)
        assert template.limbs["left_forearm"].weight == 4
        assert template.limbs["left_forearm"].angle_deviation == 40
        assert "hips" in template.ignore

    def test_a_template_is_found_by_name_beside_the_file_then_shipped(self, folder: Path):
        """As exercises and routines are; an unknown name gets the near miss."""
        (folder / "templates").mkdir(exist_ok=True)
        (folder / "templates" / "mine.yaml").write_text((folder / "up.yaml").read_text())
        config = read(folder, MINIMAL + "watch: {a: {template: mine}, b: {template: [squat]}}\n")
        assert config.watches["a"].templates == (folder / "templates" / "mine.yaml",)
        assert config.templates["b"][0].name == "squat"
        with pytest.raises(ConfigError, match="unknown template 'sqat'; did you mean 'squat'"):
            read(folder, MINIMAL + "watch: {a: {template: sqat}}\n")

    @pytest.mark.parametrize(("facing", "views"), [("front", 1), ("any", 2)])
    def test_a_watch_says_whether_a_back_counts(self, folder: Path, facing: str, views: int):
        """The template gets a further view then."""
        text = MINIMAL + f"watch: {{a: {{template: up.yaml, facing: {facing}}}}}\n"
        assert len(read(folder, text).templates["a"][0].views) == views

    def test_a_limbs_rules_are_laid_over_the_files(self, folder: Path):
        """Key by key: what the watch leaves out stays as the file has it."""
        text = (folder / "up.yaml").read_text() + "limbs: {left_forearm: {weight: 4}}\n"
        (folder / "up.yaml").write_text(text)
        watch = "{template: up.yaml, limbs: {left_forearm: {size_deviation: 2}}}"
        rule = read(folder, MINIMAL + f"watch: {{a: {watch}}}\n").templates["a"][0].limbs
        assert (rule["left_forearm"].weight, rule["left_forearm"].size_deviation) == (4, 2)

    def test_a_bad_template_names_both_files(self, folder: Path):
        """Where it is asked for, and where it is wrong."""
        bad = (folder / "up.yaml").read_text().replace("left_wrist", "left_wirst")
        (folder / "up.yaml").write_text(bad)
        said = complaint(folder, MINIMAL + "watch:\n  a: {template: up.yaml}\n")
        assert said.startswith("kiosk.yaml line 4: watch.a.template: can't be used: up.yaml line ")
        assert "'left_wrist'" in said


class TestNames:
    """Names of devices, watches and outputs become pieces of MQTT topics."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("a/b", "can't hold '/'"),
            ('"#"', "can't hold '#'"),
            ('" "', "printable characters"),
            ('"a\\nb"', "printable characters"),
            ("x" * 65, "at most 64 characters, found 65"),
        ],
    )
    @pytest.mark.parametrize("place", ["name: {}", "outputs: {{{}: {{type: memory}}}}"])
    def test_a_name_that_cant_be_is_explained(
        self, folder: Path, place: str, name: str, words: str
    ):
        """On one line, whatever the name holds."""
        said = complaint(folder, MINIMAL + place.format(name) + "\n")
        assert words in said
        assert len(said.splitlines()) == 1

    @pytest.mark.parametrize("name", ["Käthe's Pi", "hall 2", "x" * 64])
    def test_other_names_are_fine(self, folder: Path, name: str):
        """Spaces and letters of any language."""
        assert read(folder, MINIMAL + f'name: "{name}"\n').name == name


class TestWhen:
    """`when` of an output names a watch."""

    @pytest.fixture(autouse=True)
    def _relay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give the memory output a `when`, as switching outputs have."""

        class Relay:
            class Options(options.Options):
                when: str | tuple[str, ...] = ()

                def watches(self) -> tuple[str, ...]:
                    return (self.when,) if isinstance(self.when, str) else self.when

        def part(kind: str, name: str) -> type:
            return Relay if name == "memory" else real(kind, name)

        real = plugins.part
        monkeypatch.setattr(plugins, "part", part)

    @pytest.mark.parametrize("when", ["arms_up", "[arms_up, squat]"])
    def test_a_known_watch_is_fine(self, folder: Path, when: str):
        """One or several."""
        watches = "watch: {arms_up: {template: up.yaml}, squat: {template: up.yaml}}\n"
        text = MINIMAL + watches + f"outputs: {{relay: {{type: memory, when: {when}}}}}\n"
        assert "relay" in read(folder, text).outputs

    def test_an_unknown_watch_gives_the_near_miss(self, folder: Path):
        """With the line of `when`."""
        watches = "watch: {arms_up: {template: up.yaml}}\n"
        text = MINIMAL + watches + "outputs:\n  relay:\n    type: memory\n    when: arms_pu\n"
        expected = (
            "kiosk.yaml line 7: outputs.relay.when: expected the name of a watch, "
            "found 'arms_pu'; did you mean 'arms_up'?"
        )
        assert complaint(folder, text) == expected

    def test_a_watch_in_a_file_without_any(self, folder: Path):
        """It says that there is none."""
        said = complaint(folder, MINIMAL + "outputs: {relay: {type: memory, when: [a]}}\n")
        assert said.endswith("found 'a'; there is no watch in this file")


class TestSet:
    """`--set key.path=value` wins over the file."""

    def test_a_value_is_replaced(self, folder: Path):
        """Read as YAML, the last one winning."""
        config = read(folder, MINIMAL, "people.max=2", "people.max=3", "name=hall")
        assert (config.people.max, config.name) == (3, "hall")

    def test_mappings_are_made_on_the_way(self, folder: Path):
        """A whole output, key by key or in one."""
        config = read(folder, MINIMAL, "outputs.a.type=memory", "outputs.b={type: memory}")
        assert list(config.outputs) == ["a", "b"]

    def test_items_of_lists_are_named_by_number(self, folder: Path):
        """As the messages spell them."""
        text = "version: 1\nsource: {type: v4l2, size: [480, 640]}\n"
        config = read(folder, text, "source.size[1]=320")
        assert config.source.options.model_dump()["size"] == (480, 320)

    def test_an_empty_value_takes_the_key_away(self, folder: Path):
        """An output that this machine has not can be left out."""
        text = MINIMAL + "outputs: {a: {type: memory}, b: {type: memory}}\n"
        assert list(read(folder, text, "outputs.a=").outputs) == ["b"]

    def test_paths_are_relative_to_the_file(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        """Not to where the command is typed."""
        monkeypatch.chdir("/")
        config = read(folder, MINIMAL, "source={type: video, path: up.yaml}")
        assert config.source.options.model_dump()["path"] == folder / "up.yaml"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("people.max", "expected key.path=value, such as source.fps=15"),
            ("=3", "expected key.path=value"),
            ("people..max=3", "expected key.path=value"),
            ("a.=3", "expected key.path=value"),
            ("people.mux=3", "--set: people.mux: unknown option; did you mean 'max'?"),
            ("peeple.max=3", "--set: peeple: unknown option; did you mean 'people'?"),
            ("people.max=x", "--set: people.max: expected a whole number from 1 to 20"),
            ("people=[", "--set people line 1: "),
            ("version.x=1", "--set version.x: version holds `1`"),
            ("source.type.x=1", "--set source.type.x: source.type holds `synthetic`"),
            ("people[0]=1", "--set people[0]: people holds a mapping"),
            ("outputs.srceen.poses=true", "did you mean 'screen'?"),
        ],
    )
    def test_a_slip_is_explained(self, folder: Path, text: str, words: str):
        """The place is called --set, everything else is as for the file."""
        file = MINIMAL + "people: {max: 1}\noutputs: {screen: {type: memory}}\n"
        assert words in complaint(folder, file, text)

    def test_what_was_replaced_lies_in_the_command_line_with_all_it_holds(self, folder: Path):
        """The file's line would point at what does not count any more."""
        text = "version: 1\nsource: {type: v4l2, fps: 15}\n"
        said = complaint(folder, text, "source={type: v4l2, fps: fast}")
        assert said.startswith("--set: source.fps: expected a number")

    def test_an_item_that_is_not_there(self, folder: Path):
        """The list says how long it is."""
        text = "version: 1\nsource: {type: v4l2, size: [480, 640]}\n"
        said = complaint(folder, text, "source.size[2]=3")
        assert said.startswith("--set source.size[2]: source.size holds a list of 2")
        assert "[0] to [1]" in said


class TestEnvironment:
    """`${NAME}` takes the environment."""

    def test_variables_are_filled_in_anywhere_in_a_text(self, folder: Path):
        """Also twice, and in lists."""
        config = read(folder, MINIMAL + 'name: "${A}-${B}"\n', A="x", B="y")
        assert config.name == "x-y"

    def test_no_complaint_tells_a_secret(self, folder: Path):
        """A variable named as a secret, used in the wrong place, is told by its name."""
        file = folder / "kiosk.yaml"
        file.write_text(MINIMAL + "watch: {up: {template: '${EDGEPOSE_WEB_TOKEN}.yaml'}}\n")
        with pytest.raises(ConfigError) as caught:
            load(file, (), {"EDGEPOSE_WEB_TOKEN": "open-sesame", "HOME": "/"})
        assert "open-sesame" not in str(caught.value)
        assert "${EDGEPOSE_WEB_TOKEN}.yaml" in str(caught.value)

    def test_a_number_may_come_from_the_environment(self, folder: Path):
        """Text that is a number is taken for one where a number is meant."""
        assert read(folder, MINIMAL + "people: {max: ${N}}\n".replace("${N}", '"${N}"'), N="2")

    def test_a_dollar_is_only_a_dollar(self, folder: Path):
        """`$${` writes a plain `${`; a lone $ needs nothing."""
        assert read(folder, MINIMAL + 'name: "$A $$ $${B}"\n').name == "$A $$ ${B}"

    def test_what_a_variable_holds_is_not_expanded_again(self, folder: Path):
        """A password may hold `${`."""
        assert read(folder, MINIMAL + 'name: "${A}"\n', A="${B}").name == "${B}"

    def test_all_unset_variables_are_named_at_once(self, folder: Path):
        """With their lines."""
        said = complaint(folder, MINIMAL + 'name: "${A}${B}"\nmodel: {name: "${C}"}\n')
        assert [name for name in "ABC" if f"variable {name} is not set" in said] == list("ABC")

    def test_the_message_shows_what_was_written_not_what_it_became(self, folder: Path):
        """A secret in a wrong place stays out of the log."""
        said = complaint(folder, MINIMAL + 'people: {max: "${A}"}\n', A="hunter2")
        assert "hunter2" not in said
        assert "'${A}'" in said


class TestPlaces:
    """Paths and lines."""

    def test_the_base_is_the_files_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        """Absolute, so that nothing moves when the process does."""
        (folder / "kiosk.yaml").write_text(MINIMAL)
        monkeypatch.chdir(folder)
        assert load("kiosk.yaml").base == folder

    def test_a_file_of_another_system_is_read(self, folder: Path):
        """Byte order mark and CRLF."""
        (folder / "kiosk.yaml").write_bytes(("\ufeff" + MINIMAL.replace("\n", "\r\n")).encode())
        assert load(folder / "kiosk.yaml").source.type == "synthetic"

    def test_messages_come_in_the_files_order(self, folder: Path):
        """Whichever section is checked first."""
        text = "outputs: {a: {type: x}}\nversion: 1\nsource: {type: y}\npeople: {max: 0}\n"
        lines = complaint(folder, text).splitlines()
        assert [line.split(":")[0] for line in lines] == [f"kiosk.yaml line {n}" for n in (1, 3, 4)]

    def test_a_misspelt_key_is_not_called_missing_as_well(self, folder: Path):
        """One mistake, one line."""
        text = MINIMAL + "outputs: {v: {type: recording, paht: x}}\n"
        assert len(complaint(folder, text).splitlines()) == 1


KEYS = st.sampled_from(
    ["version", "name", "source", "type", "path", "model", "threads", "smoothing", "filter", "beta",
     "people", "zone", "max", "watch", "a", "template", "hold", "limbs", "left_shin", "weight",
     "outputs", "log", "when", "size", "fps", "x"]
)  # fmt: skip
SCALARS = st.sampled_from(
    [0, 1, -1, 1.5, 1e400, float("nan"), True, False, None, "", "x", "synthetic", "v4l2", "video",
     "jsonl", "memory", "up.yaml", "one_euro", "normal", "${X}", "${", "a/b", 10**30]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_nonsense_is_a_configuration_or_a_config_error(folder: Path, data: dict[str, object]):
    """Every wrong value at every key is explained, never a traceback."""
    import yaml

    text = yaml.safe_dump({"version": 1, "source": {"type": "synthetic"}} | data)
    try:
        assert read(folder, text).source
    except ConfigError as error:
        assert "kiosk.yaml" in str(error)  # noqa: PT017 - both outcomes are right


def test_the_language_is_one_of_the_shipped_ones_or_a_table_beside_the_file(tmp_path):
    """A mistake names the line of the configuration."""
    text = "version: 1\nsource: {type: synthetic}\nlanguage: %s\n"
    assert loads(text % "de", tmp_path / "a.yaml").language.text("last") == "die letzte"
    (tmp_path / "platt.yaml").write_text("last: een noch\n")
    assert loads(text % "platt.yaml", tmp_path / "a.yaml").language.name == "platt"
    with pytest.raises(ConfigError, match=r"a.yaml line 3: language: expected de, en, es or"):
        loads(text % "fr", tmp_path / "a.yaml")


@pytest.mark.parametrize("goal", ["0.5", "2.5", "20001"])
def test_repetitions_are_whole(tmp_path, goal):
    """A goal that is never reached is a mistake; seconds of a hold may have parts."""
    text = "version: 1\nsource: {type: synthetic}\nwatch:\n  a: {exercise: %s, goal: %s}\n"
    with pytest.raises(ConfigError, match=r"line 4: watch.a.goal: expected whole repetitions"):
        loads(text % ("squat", goal), tmp_path / "a.yaml")
    assert loads(text % ("plank", "2.5"), tmp_path / "a.yaml").watches["a"].goal == 2.5


def test_every_mistake_in_a_language_is_told_on_one_line(tmp_path):
    """No line break stands as a backslash and an n in the middle of a sentence."""
    (tmp_path / "own.yaml").write_text("wrong: 1\nworse: 2\n")
    with pytest.raises(ConfigError) as told:
        loads("version: 1\nsource: {type: synthetic}\nlanguage: own.yaml\n", tmp_path / "a.yaml")
    assert "\\n" not in str(told.value)
    assert "wrong: unknown option" in str(told.value)
    assert "worse: unknown option" in str(told.value)
