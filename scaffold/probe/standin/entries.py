"""Run what is named of a file: all of it as a script, its tests, a class with a ``forward``, or a function.

What a file without a ``__main__`` part is for is read from it: tests are run by pytest, and a model in the form of
KernelBench (``get_inputs``, ``get_init_inputs`` and a class ``ModelNew`` or ``Model``;
https://github.com/ScalingIntelligence/KernelBench) by one forward pass.
"""

from __future__ import annotations

import ast
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from scaffold.probe.kernel import KernelBuildError, bind, is_prim_func, signature_of, value_of
from scaffold.probe.protocol import ScriptRequest
from scaffold.probe.standin.main_module import MainModule

#: The classes of a file in KernelBench's form, in the order in which they are looked for.
_MODELS = ("ModelNew", "Model")
#: Options for pytest, whoever starts it: statements of a test are passed over as in a script, nothing is written.
_PYTEST = "--assert=plain -p no:cacheprovider -p scaffold.probe.standin.pytest_report -o addopts= --continue-on-collection-errors"  # noqa: E501


def run_entry(
    main: MainModule, request: ScriptRequest, *, compile_kernel: Callable[[Any], Any], note: Callable[[str], None]
) -> None:
    """Run what ``request`` names of the file.

    Raises
    ------
    KernelBuildError
        If it cannot be run so.
    Exception
        Whatever the user's own code raises.
    """
    os.environ["PYTEST_ADDOPTS"] = _PYTEST
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if _are_tests(main.tree, request):
        _run_tests(main, request.entry)
        return
    entry = request.entry or _model_of(main.tree)
    if not entry:
        main.run()
        return
    if not request.entry:
        note(f"{main.path.name} does nothing as a script: {entry} was run once")
    _Call(main.load(), main, entry, request, compile_kernel, note).run()


def _are_tests(tree: ast.Module, request: ScriptRequest) -> bool:
    name, _, inner = request.entry.partition("::")
    if name:
        named = name.partition("[")[0]
        found = next((node for node in tree.body if getattr(node, "name", None) == named), None)
        return bool(inner) or "[" in name or (_is_test(found) and not request.parameters and not request.inputs)
    return any(map(_is_test, tree.body)) and not _runs_something(tree)


def _is_test(node: ast.AST | None) -> bool:
    """Whether pytest would collect it, by its own rules for names, or as a case of unittest's."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name.startswith("test")
    if not isinstance(node, ast.ClassDef):
        return False
    is_case = any(ast.unparse(base).rpartition(".")[2] == "TestCase" for base in node.bases)
    return is_case or (node.name.startswith("Test") and any(map(_is_test, node.body)))


def _runs_something(tree: ast.Module) -> bool:
    """Whether the file, run as a script, does more than define: it has a part for that, or calls its own functions."""
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            continue
        calls = (child for child in ast.walk(node) if isinstance(child, ast.Call))
        if any(isinstance(call.func, ast.Name) and call.func.id in own for call in calls):
            return True
    return False


def _model_of(tree: ast.Module) -> str:
    """The class to run of a file in KernelBench's form that does nothing as a script."""
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    if "get_inputs" not in defined or _runs_something(tree):
        return ""
    return next((name for name in _MODELS if name in defined), "")


def _run_tests(main: MainModule, entry: str) -> None:
    try:
        pytest: Any = importlib.import_module("pytest")
    except ImportError as error:
        raise KernelBuildError(f"{main.path.name} holds tests, and pytest is not here: {error}") from error
    code = int(pytest.main(["-q", f"{main.path}::{entry}" if entry else str(main.path)]))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise KernelBuildError(f"pytest found no test in {main.path.name}{f'::{entry}' if entry else ''}")
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR) and entry:
        raise KernelBuildError(f"pytest found no test {entry!r} in {main.path.name}")


class _Call:
    """One call of what ``entry`` names in ``module``."""

    def __init__(
        self,
        module: ModuleType,
        main: MainModule,
        entry: str,
        request: ScriptRequest,
        compile_kernel: Callable[[Any], Any],
        note: Callable[[str], None],
    ) -> None:
        self._module, self._main, self._entry, self._request = module, main, entry, request
        self._compile, self._note = compile_kernel, note

    def run(self) -> None:
        value = self._named()
        if is_prim_func(value):
            self._compile(value)
        elif isinstance(value, type):
            self._forward(value)
        else:
            made = self._called(value)
            if is_prim_func(getattr(made, "prim_func", made)):
                self._compile(getattr(made, "prim_func", made))

    def _named(self) -> Any:
        value: Any = self._module
        for name in self._entry.split("."):
            try:
                value = getattr(value, name)
            except AttributeError:
                raise KernelBuildError(f"{self._main.path.name} has no {self._entry!r} once run") from None
        return value

    def _called(self, function: Any) -> Any:
        inputs = [value_of(text) for text in self._request.inputs]
        given = self._request.parameters
        names = [
            name
            for name, parameter in signature_of(function).parameters.items()
            if parameter.default is parameter.empty
        ]
        lacking = [name for name in names[len(inputs) :] if name not in given]
        if lacking and not inputs and (own := self._own_call(lacking)) is not None:
            line, values = own
            self._note(f"{self._entry} was called as line {line} calls it")
            return function(**{**values, **bind(function, self._entry, given, known=values)})
        known = dict(zip(names, inputs, strict=False))
        return function(*inputs, **bind(function, self._entry, given, known=known))

    def _forward(self, kind: type) -> None:
        """Make one and call it once, with what is given, else with what the file itself makes for it."""
        init = [value_of(text) for text in self._request.init]
        makes_init = getattr(self._module, "get_init_inputs", None)
        if not init and not self._request.parameters and callable(makes_init):
            init = list(makes_init())
        parameters = signature_of(kind).parameters.values()
        names = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
        made = kind(
            *init, **bind(kind, self._entry, self._request.parameters, known=dict(zip(names, init, strict=False)))
        )
        made(*self._inputs(made)) if callable(made) else made.forward(*self._inputs(made))

    def _inputs(self, made: Any) -> list[Any]:
        if self._request.inputs:
            return [value_of(text) for text in self._request.inputs]
        makes_inputs = getattr(self._module, "get_inputs", None)
        if callable(makes_inputs):
            import torch

            with torch.device("cuda"):
                return list(makes_inputs())
        call = getattr(made, "forward", made)
        needed = [name for name, item in signature_of(call).parameters.items() if item.default is item.empty]
        if needed:
            raise KernelBuildError(
                f"{self._entry} is called with {', '.join(needed)}: say one --input for each, in order; "
                "a tensor is written dtype[shape]"
            )
        return []

    def _own_call(self, needed: Sequence[str]) -> tuple[int, dict[str, Any]] | None:
        """The line and the arguments of the file's first call of it whose arguments can be known without running it."""
        names = list(signature_of(self._named()).parameters)
        for call, scope in _calls(self._main.tree, self._entry):
            values = _Values({**vars(self._module)}, scope)
            try:
                arguments = dict(zip(names, map(values.of, call.args), strict=False))
                arguments |= {item.arg: values.of(item.value) for item in call.keywords if item.arg}
            except Exception:  # noqa: BLE001 - a value that only a run would give
                continue
            if all(name in arguments for name in needed):
                return call.lineno, arguments
        return None


def _calls(tree: ast.Module, name: str) -> Iterator[tuple[ast.Call, ast.FunctionDef | None]]:
    """Calls of ``name`` in the file, each with the function it stands in."""
    waiting: list[tuple[ast.AST, ast.FunctionDef | None]] = [(node, None) for node in tree.body]
    while waiting:
        node, scope = waiting.pop(0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node, scope
        inner = node if isinstance(node, ast.FunctionDef) else scope
        waiting[:0] = [(child, inner) for child in ast.iter_child_nodes(node)]


class _Values:
    """What expressions in a function come to, where its parameters have defaults and its names are bound once."""

    def __init__(self, names: dict[str, Any], scope: ast.FunctionDef | None) -> None:
        self._names = names
        if scope is None:
            return
        for argument, default in _defaults(scope.args):
            self._bind(ast.Name(argument, ast.Store()), default)
        for statement in ast.walk(scope):
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                self._bind(statement.targets[0], statement.value)

    def of(self, expression: ast.expr) -> Any:
        """Its value; raises whatever evaluating it raises, and ``ValueError`` where something would be called."""
        if any(isinstance(node, (ast.Call, ast.Await, ast.Lambda)) for node in ast.walk(expression)):
            raise ValueError("a call may do anything")
        value = eval(compile(ast.Expression(expression), "<argument>", "eval"), self._names)
        if type(value).__name__ == "Unknown":
            raise ValueError("nothing is known of it")
        return value

    def _bind(self, target: ast.expr, expression: ast.expr) -> None:
        try:
            value = self.of(expression)
        except Exception:  # noqa: BLE001 - a value that only a run would give
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    self._names.pop(node.id, None)
            return
        if isinstance(target, ast.Name):
            self._names[target.id] = value
        elif isinstance(target, ast.Tuple) and all(isinstance(item, ast.Name) for item in target.elts):
            self._names.update(zip([item.id for item in target.elts if isinstance(item, ast.Name)], value, strict=True))


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(plain), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, kw_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if kw_default is not None:
            yield argument.arg, kw_default
