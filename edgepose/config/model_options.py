"""Which file the model section means, and whether its options fit, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from edgepose.config.model_section import DEFAULT_MODEL, ModelSection
from edgepose.core.families import FAMILIES, recognise
from edgepose.core.families.base import Family
from edgepose.core.families.others import NO_POSE_MODELS, other_kind
from edgepose.core.families.posenet import PoseNet
from edgepose.core.families.posenet.build import PoseNetBuild
from edgepose.core.families.posenet.options import PoseNetOptions
from edgepose.core.watches.movement import Exercise
from edgepose.errors import ModelError, UserError
from edgepose.modelstore.choice import NoSuchBuild, build_of, choose, is_choice
from edgepose.modelstore.manifest import Entry, manifest
from edgepose.modelstore.networks import networks
from edgepose.modelstore.search import ModelFile, find, identify
from edgepose.options import similar_file
from edgepose.system.paths import expanded
from edgepose.system.urls import redacted, redacted_in
from edgepose.tflite.read import inspect
from edgepose.types import TensorSpec
from edgepose.yamldoc.validation import Problems

_BY_NAME: Final = {family.name: family for family in FAMILIES}
_OPTIONS: Final = ("model", "options")
_URL: Final = "modelUrl"
_SCHEMES: Final = ("http", "https", "file")


def settle(model: ModelSection, base: Path, problems: Problems) -> ModelSection:
    """Return the section with the file that its options choose, and report what is wrong with them.

    base: what a local `modelUrl` is relative to. Nothing is fetched here.
    """
    if _URL in model.options:
        model = _by_url(model, base, problems)
    elif model.name is None and model.path is None and is_choice(model.options):
        model = _by_options(model, problems)
    if not problems.about(("model",)):
        _check_kind(model, problems)
        check_model_options(model, problems)
    return model


def _check_kind(model: ModelSection, problems: Problems) -> None:
    """Report a classifier, or a detector alone, in the place of a pose model."""
    key = "name" if model.path is None else "path"
    entry = _entry(model)
    if entry is not None:
        if entry.family in NO_POSE_MODELS:
            problems.add(("model", key), f"{model.label}: {NO_POSE_MODELS[entry.family]}")
        return
    tensors = _tensors(model)
    if tensors is not None and (kind := other_kind(*tensors)):
        problems.add(("model", key), f"{model.label}: {kind}")


def check_extra_keypoints(
    model: ModelSection, exercises: Mapping[str, Exercise], problems: Problems
) -> None:
    """Report exercises, by watch, that measure keypoints which the chosen model does not find."""
    known = known_model(model) if any(one.extra_keypoints for one in exercises.values()) else None
    if known is None or known.family.has_extra_keypoints:
        return
    for name, exercise in exercises.items():
        if missing := ", ".join(exercise.extra_keypoints):
            problems.add(
                ("watch", name, "exercise"),
                f"'{exercise.name}' measures {missing}, which {model.label} does not find; "
                "use a mediapipe-pose model",
            )


def _by_url(model: ModelSection, base: Path, problems: Problems) -> ModelSection:
    """Return the section with a local `modelUrl` as its path; a URL stays until it is fetched."""
    place, url = (*_OPTIONS, _URL), model.options[_URL]
    if model.name is not None or model.path is not None:
        other = "name" if model.name is not None else "path"
        problems.add(place, f"expected either `{_URL}` or `{other}`, found both; remove one")
        return model
    try:
        PoseNetOptions.from_tfjs({_URL: url})
        if "://" in url:
            _check_url(url)
            return model
        path = base / expanded(url)
        if path.is_dir():
            raise ValueError(f"expected a .tflite file, found the folder {path}")
        if not path.is_file():
            problems.add(place, f"no such file: {path}{similar_file(path)}", "missing_file")
            return model
    except (OSError, RuntimeError, ValueError) as error:  # UserError is a ValueError
        problems.add(place, redacted_in(str(error)))
        return model
    options = {name: value for name, value in model.options.items() if name != _URL}
    return model.model_copy(update={"path": path, "options": options})


def _check_url(url: str) -> None:
    """Raise ValueError for a URL that nothing can be fetched from."""
    if urlsplit(url).scheme not in _SCHEMES:
        raise ValueError(f"expected a URL with {' or '.join(_SCHEMES)}, found {redacted(url)}")


def _by_options(model: ModelSection, problems: Problems) -> ModelSection:
    """Return the section with the name of the file that has every given option."""
    for name, value in model.options.items():
        if problem := _value_problem({name: value}):
            problems.add((*_OPTIONS, name), problem)
    if problems.about(_OPTIONS):
        return model
    try:
        return model.model_copy(update={"name": choose(model.options).name})
    except NoSuchBuild as error:
        problems.add((*_OPTIONS, error.option), str(error))
    except UserError as error:
        problems.add(_OPTIONS, str(error))
    return model


def _value_problem(options: Mapping[str, Any]) -> str:
    """Return what is wrong with values that no PoseNet has, `""` when nothing is."""
    try:
        PoseNetOptions.from_tfjs(options)
    except UserError as error:
        return str(error)
    return ""


def check_model_options(model: ModelSection, problems: Problems) -> None:
    """Report options that the chosen model does not know, or that would change nothing."""
    known = known_model(model) if model.options else None
    if known is None:
        return
    for name, value in model.options.items():
        if problem := known.problem({name: value}):
            problems.add((*_OPTIONS, name), problem)
    if not problems.about(_OPTIONS) and (problem := known.problem(model.options)):
        problems.add(_OPTIONS, problem)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """The family of a model. build: of a PoseNet file, which settles some options."""

    family: type[Family]
    build: PoseNetBuild | None = None

    def problem(self, options: Mapping[str, Any]) -> str:
        """Return what is wrong with options, `""` when nothing is."""
        try:
            if self.build is not None:
                self.build.check(options)
                options = self.build.left(options)
            self.family.check_options(options)
        except (TypeError, ValueError) as error:  # UserError is one
            return str(error)
        return ""


def most_people(model: ModelSection) -> int | None:
    """Return how many people the chosen model finds at most, None where nobody knows."""
    known = known_model(model)
    if known is None:
        return None
    most = known.family.most_people
    return min(most, int(model.options.get("maxPoses", most)))


def known_model(model: ModelSection) -> KnownModel | None:
    """Return what is known of the chosen model, None where its file does not tell."""
    if _URL in model.options:  # not fetched yet
        return None
    entry = _entry(model)
    if entry is not None:
        family = _BY_NAME.get(entry.family)
        return None if family is None else KnownModel(family, build_of(entry))
    try:
        tensors = _tensors(model)
        made = None if tensors is None else recognise(*tensors)
    except (ModelError, ValueError, IndexError):  # reported by what loads it
        return None
    if made is None:
        return None
    return KnownModel(type(made), made.build if isinstance(made, PoseNet) else None)


def _tensors(model: ModelSection) -> tuple[list[TensorSpec], list[TensorSpec]] | None:
    """Return inputs and outputs of a model of one's own, None where they can't be read."""
    try:
        path = model.path or (find(model.name).path if model.name else None)
        files = () if path is None else networks(ModelFile(path), model.detector)
        found = [inspect(file) for file in files]
    except (ModelError, OSError, ValueError):  # reported by what loads it
        return None
    if not found:
        return None
    inputs = [tensor.spec for network in found for tensor in network.inputs]
    return inputs, [tensor.spec for network in found for tensor in network.outputs]


def _entry(model: ModelSection) -> Entry | None:
    try:
        if model.path is not None:
            return identify(model.path)
    except OSError:
        return None
    return manifest().get(model.name or DEFAULT_MODEL)
