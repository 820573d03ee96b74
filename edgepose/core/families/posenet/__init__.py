"""PoseNet: its options, its maps, and the two ways to decode several people from them."""

from edgepose.core.families.posenet.family import PoseNet as PoseNet
