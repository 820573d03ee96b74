"""Draw scenes: limbs coloured by match, hold rings, names, corrections. numpy, cv2, Pillow.

Reads no file but the font and keeps no frame.
"""

from edgepose.render.messages import Invitation, draw_notice, draw_troubles
from edgepose.render.renderer import Renderer, leading
from edgepose.render.style import Palette, Style

__all__ = ["Invitation", "Palette", "Renderer", "Style", "draw_notice", "draw_troubles", "leading"]
