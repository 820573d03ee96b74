"""A page for the phone of whoever installs the device: what is seen, how it matches, teaching.

aiohttp is imported when the output is opened, not before: it takes memory and start-up time that
a device without page need not pay.
"""

from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.output import Web

__all__ = ["Web", "WebOptions"]
