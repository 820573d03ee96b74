"""Read and rewrite TFLite files without an interpreter."""
