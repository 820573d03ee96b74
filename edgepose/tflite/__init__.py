"""Read and rewrite TFLite files without an interpreter: what is inside, and what can be mended."""
