"""A moving mannequin with exact keypoints: the camera of tests and first steps."""
