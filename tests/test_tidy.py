"""The house rules that no linter knows."""

import ast
import re
import subprocess
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec

_ROOT = Path(__file__).parent.parent
_LINES_PER_FILE = 500
_LINES_PER_FUNCTION = 60
_WORDS_PER_TEST = 4

# What may be longer, and why. "path" for a file, "path::function" for a function.
_LONGER: dict[str, str] = {}

_TOP_LEVEL = {
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "deploy",
    "docker-compose.yml",
    "docs",
    "node",
    "protos",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
    "tests",
    "trust_lists",
}
_SAYS_NOTHING = {
    "base",
    "common",
    "core",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "service",
    "util",
    "utils",
}
# A letter in brackets keeps a pattern from finding itself.
_UNFINISHED = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X])\b")
_SILENCES_EVERYTHING = re.compile(r"#\s*(?:type:\s*ignore(?!\[)|noqa(?!:))|#\s*ruff:\s*noqa")
_LEFT_OUT = re.compile(r"(?:pytest|mark|unittest)\.(?:skip|skipif|skipUnless|xfail|importorskip)\b")
_MACHINE = re.compile(
    r"(?<![\w.~}])/(?:work|root|home|Users|tmp)/\w"
    r"|pyp[i]\.org|pythonhoste[d]|npmj[s]\.|debia[n]\.org|--extra-inde[x]|--find-link[s]"
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def _files() -> list[Path]:
    """List what git keeps or would keep; a deleted file is listed until that is committed."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({path for name in listed.split("\0") if (path := _ROOT / name).is_file()})


_FILES = _files()
_NAMES = {path: path.relative_to(_ROOT).as_posix() for path in _FILES}
_MACHINES = ("/_pb/", "node/store/migrations/")  # wrote these, and alembic finds its own by path
_WRITTEN = [  # by people, in Python
    path
    for path in _FILES
    if path.suffix == ".py" and not any(place in _NAMES[path] for place in _MACHINES)
]
_TREES = {path: ast.parse(path.read_text("utf-8")) for path in _WRITTEN}


def _texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of each file that is text."""
    for path in _FILES:
        content = path.read_bytes()
        if _NAMES[path].startswith("tests/fixtures/imports/"):  # wrong encodings, on purpose
            continue
        if b"\0" not in content and path.suffix != ".binpb":
            yield _NAMES[path], content.decode("utf-8")


def _matches(pattern: re.Pattern[str], names: str = "") -> list[str]:
    """List each line that matches, as name:number: line."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in _texts()
        if name.startswith(names)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, tree in _TREES.items():
        for found in ast.walk(tree):
            if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{_NAMES[path]}::{found.name}", found


def _lengths() -> Iterator[tuple[str, int, int]]:
    """Yield what has a length, its length and its limit, in lines."""
    for path in _WRITTEN:
        yield _NAMES[path], len(path.read_text("utf-8").splitlines()), _LINES_PER_FILE
    for name, found in _functions():
        yield name, (found.end_lineno or 0) - found.lineno + 1, _LINES_PER_FUNCTION


def test_no_file_or_function_is_longer_than_one_can_read() -> None:
    longer = {name: lines for name, lines, limit in _lengths() if lines > limit}
    assert {name: lines for name, lines in longer.items() if name not in _LONGER} == {}


def test_each_permission_to_be_longer_has_a_reason_and_a_use() -> None:
    longer = {name for name, lines, limit in _lengths() if lines > limit}
    assert [name for name, why in _LONGER.items() if name not in longer or not why] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    parts = {name: Path(name).with_suffix("").parts for name in _NAMES.values()}
    assert [name for name, words in parts.items() if _SAYS_NOTHING.intersection(words)] == []


def test_nothing_is_left_for_somebody_to_finish() -> None:
    assert _matches(_UNFINISHED) == []


def test_no_comment_silences_every_check_at_once() -> None:
    assert _matches(_SILENCES_EVERYTHING) == []


def test_no_test_is_left_out_or_allowed_to_fail() -> None:
    assert _matches(_LEFT_OUT, "tests/") == []


def test_every_test_name_is_a_sentence_of_four_words() -> None:
    short = [
        name
        for name, found in _functions()
        if found.name.startswith("test_")
        if len(found.name.removeprefix("test_").split("_")) < _WORDS_PER_TEST
    ]
    assert short == []


def test_top_level_holds_only_what_is_agreed() -> None:
    tops = {Path(name).parts[0] for name in _NAMES.values()}
    assert {top for top in tops if not top.startswith(".")} - _TOP_LEVEL == set()


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert _matches(_MACHINE) == []


def test_requirements_are_all_hashed_and_name_no_host() -> None:
    hashed = re.compile(r"[a-z0-9.-]+==[\w.]+(?: ; [^\\]+?)?(?: --hash=sha256:[0-9a-f]{64})+")
    for name in ("requirements.txt", "requirements-dev.txt"):
        joined = re.sub(r"\s*\\\n\s*", " ", (_ROOT / name).read_text())
        lines = joined.splitlines()
        assert lines, name
        assert [line for line in lines if not hashed.fullmatch(line)] == [], name


def test_both_requirements_agree_on_every_version() -> None:
    pinned = re.compile(r"^([a-z0-9.-]+)==([\w.]+)", re.MULTILINE)
    runtime = dict(pinned.findall((_ROOT / "requirements.txt").read_text()))
    development = dict(pinned.findall((_ROOT / "requirements-dev.txt").read_text()))
    assert runtime.items() <= development.items()
    assert development["grpcio"] == development["grpcio-tools"]


def _anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, made as repository hosts make them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = []
    for page in (path for path in _FILES if path.suffix == ".md"):
        for link in (first or second for first, second in _LINK.findall(page.read_text("utf-8"))):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            there = (page.parent / target) if target else page
            if not there.exists() or (anchor and anchor not in _anchors(there.read_text("utf-8"))):
                broken.append(f"{_NAMES[page]}: {link}")
    assert broken == []


def _keys(settings: type[msgspec.Struct], before: str = "") -> Iterator[str]:
    """Yield the dotted name of each setting under one table of settings."""
    kinds = typing.get_type_hints(settings)
    for field in msgspec.structs.fields(settings):
        tables = [
            kind
            for kind in (kinds[field.name], *typing.get_args(kinds[field.name]))
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        ]
        for table in tables:
            yield from _keys(table, f"{before}{field.encode_name}.")
        if not tables:
            yield f"{before}{field.encode_name}"


def test_every_setting_is_told_to_the_operator() -> None:
    from node.settings import Settings

    told = (_ROOT / "docs/operator.md").read_text("utf-8")
    keys = list(_keys(Settings))
    assert keys
    assert [key for key in keys if f"`{key}`" not in told] == []


def _module(path: Path) -> str:
    return ".".join(Path(_NAMES[path]).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    """Yield each module that a file may import; `from a import b` may mean a.b."""
    for found in ast.walk(_TREES[path]):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom):
            package = _module(path).split(".")
            upwards = found.level - (path.name == "__init__.py")
            above = package[: len(package) - upwards] if found.level else []
            source = ".".join([*above, *([found.module] if found.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in found.names)


def test_every_module_is_used_by_another_one() -> None:
    ours = [path for path in _WRITTEN if _NAMES[path].startswith("node/")]
    used = {name for path in ours for name in _imports(path) if name != _module(path)}
    unused = [
        _NAMES[path]
        for path in ours
        if path.name not in {"__init__.py", "__main__.py"} and _module(path) not in used
    ]
    assert unused == []


def test_every_make_command_in_the_pages_can_be_made() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    command = re.compile(r"(?:^|[`$] ?)make ([a-z-]+)", re.MULTILINE)
    told = {
        _NAMES[page]: set(command.findall(page.read_text("utf-8")))
        for page in _FILES
        if page.suffix == ".md"
    }
    assert {name: made - targets for name, made in told.items() if made - targets} == {}
    assert told["README.md"] >= {"demo", "test"}
