"""Says where Kotlin and Swift files do not parse, by grammars that were not written here.

    parse.py FILE...        each ends in .kt or .swift

Needs tree-sitter, tree-sitter-kotlin and tree-sitter-swift, from PyPI. Prints a line for each
place and fails if there is one. Names and types are not looked at: that takes a compiler.
"""

import sys

import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Parser

GRAMMARS = {"kt": tree_sitter_kotlin, "swift": tree_sitter_swift}


def wrong(node):
    """The smallest nodes that hold all that is not of the language."""
    if node.is_error or node.is_missing:
        yield node
    elif node.has_error:
        for child in node.children:
            yield from wrong(child)


def main():
    found = 0
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            code = file.read()
        grammar = GRAMMARS[path.rsplit(".", 1)[-1]]
        tree = Parser(Language(grammar.language())).parse(code)
        for node in wrong(tree.root_node):
            row, column = node.start_point
            text = code[node.start_byte:node.end_byte][:80].decode(errors="replace")
            print(f"{path}:{row + 1}:{column + 1}: {text!r}")
            found += 1
    sys.exit(1 if found else 0)


main()
