"""Sets of a graph's nodes as integers, a bit for each node: united, intersected and compared in a step."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

NodeSet = int  # bit n is set where node n belongs to the set


def set_of_mask(is_member: ArrayLike) -> NodeSet:
    """The nodes where a mask, (nodes,) booleans, is true."""
    return int.from_bytes(np.packbits(np.asarray(is_member, np.bool_), bitorder="little").tobytes(), "little")


def set_of_nodes(nodes: Iterable[int]) -> NodeSet:
    """The set of some different nodes."""
    return sum(1 << node for node in nodes)


def nodes_in(members: NodeSet) -> list[int]:
    """The nodes of a set, ascending."""
    nodes = []
    while members:
        lowest = members & -members
        nodes.append(lowest.bit_length() - 1)
        members ^= lowest
    return nodes


def connected_parts(members: NodeSet, links: Sequence[NodeSet]) -> Iterator[NodeSet]:
    """The connected parts of a set, by their lowest nodes; `links` holds each node's neighbours."""
    while members:
        part = grown(members & -members, members, links)
        yield part
        members &= ~part


def grown(start: NodeSet, within: NodeSet, links: Sequence[NodeSet]) -> NodeSet:
    """A set and all that links connect it with inside another set."""
    part = fresh = start
    while fresh:
        fresh = neighbours_of(fresh, links) & within & ~part
        part |= fresh
    return part


def neighbours_of(members: NodeSet, links: Sequence[NodeSet]) -> NodeSet:
    """All neighbours of a set's nodes."""
    found = 0
    while members:
        lowest = members & -members
        found |= links[lowest.bit_length() - 1]
        members ^= lowest
    return found
