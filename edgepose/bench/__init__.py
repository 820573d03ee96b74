"""The measurements of `edgepose bench`: ratios within one run, medians, spread."""
