"""BlazePose, the networks of MediaPipe Pose: a person detector and a network of 33 keypoints."""

from edgepose.core.families.blazepose.family import BlazePose as BlazePose
