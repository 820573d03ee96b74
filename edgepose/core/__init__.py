"""The pure part: numpy and plain values. No clock, no file, no thread, no log, no cv2."""
