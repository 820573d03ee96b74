"""Draw scenes: limbs coloured by match, hold rings, names, corrections. numpy, cv2, Pillow.

Reads no file but the font and keeps no frame.
"""

from edgepose.render.attract import Sign
from edgepose.render.counting import Wording
from edgepose.render.messages import Invitation, draw_notice, draw_troubles
from edgepose.render.renderer import Renderer
from edgepose.render.style import Palette, Style

__all__ = [
    "Invitation",
    "Palette",
    "Renderer",
    "Sign",
    "Style",
    "Wording",
    "draw_notice",
    "draw_troubles",
]
