"""What can be watched for: one kind a file, each with `name`, `max_age`, `step` and `finish`."""
