"""What a watch looks for, as files: templates of poses, exercises, examples of classes."""
