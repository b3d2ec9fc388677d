"""Phantoms: procedural brains with tumours, on which the default weights are trained."""

from bratseg.phantoms.phantom import Phantom, make_phantom, write_phantom

__all__ = ["Phantom", "make_phantom", "write_phantom"]
