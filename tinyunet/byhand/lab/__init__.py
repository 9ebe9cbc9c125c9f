"""A page to type numbers of one's own into, on this machine alone. `tinyunet lab` opens it."""

from tinyunet.byhand.lab.server import serve

__all__ = ["serve"]
