"""People drawn in 3D, with exact keypoints."""
