"""Procedural brains with tumours: the data the default weights are trained on."""

from bratseg.phantoms.phantom import Phantom, make_phantom, write_phantom

__all__ = ["Phantom", "make_phantom", "write_phantom"]
