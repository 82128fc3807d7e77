"""To another Neo4j as it is: nodes with all their labels, relationships between the very nodes that they connect, and
every property as Bolt has it. Each module is a room of its own (CONTRIBUTING.md).

What "same" means: no two databases give one node the same element id, so element ids are no part of a row. Two graphs
are the same here where each label has the same nodes, and each type the same relationships, each as often: a node is
its labels and its properties, a relationship is its type, its properties and what its two nodes are. Which of several
nodes that are alike in all of that a relationship leads to, is copied, and is neither digested nor compared.
"""
