"""Says what of Python sources an interpreter of version 3.6 does not know: python36.py FILE...

Syntax is judged by the parser of the Python that runs this, names by python36.txt beside it, which a real 3.6 wrote.
Newer keyword arguments and newer behaviour of old names are not seen. What lies below `if hasattr(module, "name"):` is
for newer versions and is not looked at. A source that looks at `sys.version_info` has something to say to a Python that
is too old, which must then be able to parse it: there, what Python 2.7 cannot parse is refused as well.
"""

import ast
import builtins
import io
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = (str, bytes, bytearray, memoryview, int, float, dict, list, set, frozenset, tuple, io.TextIOWrapper)
TYPES += (io.BufferedReader, io.BufferedWriter, OSError)


def read_known():
    known = {}
    with open(os.path.join(HERE, "python36.txt"), encoding="utf-8") as file:
        for line in file:
            name, colon, names = line.partition(": ")
            if colon and not line.startswith("#"):
                known[name] = set(names.split())
    return known

TOO_NEW_FOR_2 = (ast.JoinedStr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Nonlocal, ast.YieldFrom, ast.Starred)


class Names(ast.NodeVisitor):
    def __init__(self, known, beside, speaks_to_old):
        self.speaks_to_old = speaks_to_old
        self.known = known
        self.beside = beside
        self.modules = {}
        self.findings = []
        newer = {name for kind in TYPES for name in dir(kind) if not name.startswith("__")}
        self.newer_methods = newer - known["methods"]
        self.newer_builtins = {name for name in dir(builtins) if not name.startswith("_")} - known["builtins"]

    def find(self, node, what):
        self.findings.append((node.lineno, what))

    def visit(self, node):
        # Some parsers let these two pass whatever version they are told.
        if isinstance(node, ast.NamedExpr) or getattr(node, "posonlyargs", None):
            self.find(node if hasattr(node, "lineno") else node.posonlyargs[0], "Python 3.6 cannot parse this")
        if self.speaks_to_old and is_too_new_for_2(node):
            self.find(node, "an old Python cannot parse this, and would not come to the sentence that is meant for it")
        return super().visit(node)

    def visit_Import(self, node):
        for alias in node.names:
            self.use_module(node, alias.name)
            # `import http.client` binds http, and http.client is written out where it is used.
            first = alias.name.split(".")[0]
            self.modules[alias.asname or first] = alias.name if alias.asname else first

    def visit_ImportFrom(self, node):
        self.use_module(node, node.module)
        for alias in node.names:
            if node.module in self.known and alias.name not in self.known[node.module]:
                self.find(node, "Python 3.6 has no %s.%s" % (node.module, alias.name))

    def use_module(self, node, name):
        if name not in self.known and name not in self.beside:
            self.find(node, "the module %s is not in python36.txt: record it with a real Python 3.6" % name)

    def visit_If(self, node):
        test = node.test
        if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "hasattr":
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_Attribute(self, node):
        owner = self.dotted(node.value)
        if owner in self.known:
            if node.attr not in self.known[owner] and "%s.%s" % (owner, node.attr) not in self.known:
                self.find(node, "Python 3.6 has no %s.%s" % (owner, node.attr))
        elif owner is None and node.attr in self.newer_methods:
            self.find(node, "no type of Python 3.6 has .%s" % node.attr)
        self.generic_visit(node)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self.newer_builtins:
            self.find(node, "Python 3.6 has no %s" % node.id)

    def dotted(self, node):
        if isinstance(node, ast.Name):
            return self.modules.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return None if owner is None else "%s.%s" % (owner, node.attr)
        return None


def is_too_new_for_2(node):
    if isinstance(node, TOO_NEW_FOR_2) or (isinstance(node, ast.Raise) and node.cause):
        return True
    if isinstance(node, ast.FunctionDef):
        arguments = node.args.args + node.args.kwonlyargs
        return bool(node.returns or node.args.kwonlyargs or any(argument.annotation for argument in arguments))
    return False


def check(path, known, beside):
    with open(path, encoding="utf-8") as file:
        source = file.read()
    try:
        tree = ast.parse(source, path, feature_version=(3, 6))
    except SyntaxError as error:
        return [(error.lineno, "%s" % error.msg)]
    names = Names(known, beside, "sys.version_info" in source)
    names.visit(tree)
    return names.findings


def main(paths):
    known = read_known()
    beside = {os.path.basename(path)[: -len(".py")] for path in paths}
    failed = False
    for path in paths:
        for line, what in check(path, known, beside):
            failed = True
            print("%s:%s: %s" % (path, line, what))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
