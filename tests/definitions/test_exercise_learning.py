"""A learned exercise as a file: it counts what it was learned from, and says how it came to be."""

from __future__ import annotations

import pytest

from edgepose.core.watches.trace import trace
from edgepose.definitions import exercise_file, exercise_learning
from edgepose.errors import ExerciseError
from tests.test_shipped_exercises import FPS, MOTIONS, frames_of


def seen(name):
    """Return the frames of three repetitions."""
    return [(k / FPS, pose) for k, pose in enumerate(frames_of(name))]


@pytest.mark.parametrize(
    "name", ["squat", "push_up", "sit_up", "biceps_curl", "jumping_jack", "deadlift", "side_bend"]
)
def test_what_is_learned_counts_what_it_was_learned_from(name):
    """Untold, from three repetitions."""
    found = exercise_learning.learn(seen(name))
    text = exercise_learning.dumps("mine", found[0], "clip.mp4", found)
    learned = exercise_file.loads(text, "mine.yaml")
    assert trace(learned, seen(name)).count == 3
    assert trace(learned, [(k / FPS, MOTIONS_START[name]) for k in range(100)]).count == 0


MOTIONS_START = {name: frames_of(name)[0] for name in MOTIONS}


def test_the_file_explains_itself():
    """Where it is from, how far the signal went, and what would have done as well."""
    found = exercise_learning.learn(seen("squat"), count=3)
    text = exercise_learning.dumps("my_squat", found[0], "clip\n\x1b.mp4", found)
    assert text.startswith("# Learned from clip??.mp4: 3 repetitions.\n# The signal went from ")
    assert "# It would count as well with: {" in text
    assert exercise_file.loads(text, "x.yaml").title == {"en": "My squat"}


@pytest.mark.parametrize("name", ["on", "1e3", "null"])
def test_a_name_that_yaml_would_read_as_something_else(name):
    """It stays a name."""
    found = exercise_learning.learn(seen("squat"))
    text = exercise_learning.dumps(name, found[0], "c", found)
    assert exercise_file.loads(text, "x.yaml").name == name


class TestRefusals:
    """What can't be learned from, and why."""

    def refused(self, frames, count=None):
        """Return the reason."""
        with pytest.raises(ExerciseError) as caught:
            exercise_learning.learn(frames, count)
        return str(caught.value)

    def test_nobody(self):
        """An empty room."""
        assert "nobody is seen" in self.refused([(k / FPS, None) for k in range(50)])

    def test_nothing_repeats(self):
        """Somebody stands there."""
        still = [(k / FPS, MOTIONS_START["squat"]) for k in range(100)]
        assert "nothing repeats: no joint goes to and fro" in self.refused(still)

    def test_one_repetition_is_no_repetition_unless_it_is_told(self):
        """Nobody can know otherwise that it is one."""
        once = seen("squat")[: 2 * FPS + 40]
        assert "nothing repeats" in self.refused(once)
        assert exercise_learning.learn(once, count=1)[0].count == 1

    def test_another_count_than_was_told(self):
        """With what was seen in its place."""
        assert "does so 3 times" in self.refused(seen("squat"), count=5)
