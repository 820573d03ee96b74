"""Draw scenes for people: limbs by how they match, hold rings, names, advice. numpy, cv2, Pillow.

No file is read but the font and no frame is kept, so that what is on screen is all there is.
"""

from edgepose.render.messages import Invitation, draw_notice, draw_troubles
from edgepose.render.renderer import Renderer, leading
from edgepose.render.style import Palette, Style

__all__ = ["Invitation", "Palette", "Renderer", "Style", "draw_notice", "draw_troubles", "leading"]
