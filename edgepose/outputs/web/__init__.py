"""Web page for the phone of the installer: live view, matches, thresholds, teaching of poses.

aiohttp is imported by `Web.open`, not before: a device without the page saves its memory and
start-up time.
"""

from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.output import Web

__all__ = ["Web", "WebOptions"]
