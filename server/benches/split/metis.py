"""METIS's k-way partition of a graph.

In: a line of the kind and the number of parts, then one line a node: its weight, then pairs of
a neighbour and the weight of the border. Out: the part of each node.
"""

import sys
import warnings

warnings.simplefilter("ignore")

import pymetis

head, *rows = sys.stdin.read().strip().split("\n")
kind, parts = head.split()
starts, neighbours, lengths, weights = [0], [], [], []
for row in rows:
    numbers = [int(number) for number in row.split()]
    weights.append(numbers[0])
    neighbours += numbers[1::2]
    lengths += numbers[2::2]
    starts.append(len(neighbours))
_, part_of = pymetis.part_graph(
    int(parts),
    xadj=starts,
    adjncy=neighbours,
    vweights=weights,
    eweights=lengths,
    recursive=False,
    contiguous=kind == "contiguous",
)
print(*part_of)
