"""The repository keeps its word: documents, configurations, versions and commands agree."""

import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from ctlearn_gan_aug import __version__
from ctlearn_gan_aug.config.augment import GanAugmentConfig
from ctlearn_gan_aug.config.base import Section, load_yaml, parse
from ctlearn_gan_aug.config.refine import RefineConfig
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.config.shipped import shipped_config, shipped_configs
from ctlearn_gan_aug.config.study import StudyConfig
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.errors import UserError

REPO = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
#: Versions of Python that the classifiers name, "3.12" for example.
PYTHONS = re.findall(r"Python :: (\d+\.\d+)", "\n".join(PROJECT["classifiers"]))
CONFIGS = sorted((REPO / "configs").glob("*.yaml"))
EXAMPLES = sorted((REPO / "examples").glob("*.yaml"))
PAGES = [REPO / "README.md", *sorted(REPO.glob("docs/*.md")), *sorted(REPO.glob("examples/*.md"))]
FOLDERS = ("ctlearn_gan_aug", "configs", "docs", "examples", "tests", "tools", ".ci")
TEXTS = [
    path
    for path in [
        *(path for folder in FOLDERS for path in sorted((REPO / folder).rglob("*"))),
        *sorted(REPO.glob("*")),
    ]
    if path.is_file() and path.suffix in (".py", ".md", ".yaml", ".sh", ".toml", ".txt", "")
]


def relative(path: Path) -> str:
    return str(path.relative_to(REPO))


def cli_commands() -> dict:
    """Every click command of the command line by name: one per module of ``cli/``."""
    folder = REPO / "ctlearn_gan_aug" / "cli"
    found = [
        importlib.import_module(f"ctlearn_gan_aug.cli.{path.stem}")
        for path in sorted(folder.glob("*.py"))
        if path.stem != "__init__"
    ]
    return {module.command.name: module.command for module in found if hasattr(module, "command")}


COMMANDS = cli_commands()


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced code of ``page`` in any of ``languages``."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.M | re.S)
    return [code for language, code in fences if language in languages]


def shell_lines(page: Path) -> list[list[str]]:
    """Command lines that ``page`` shows, split into words, without comments."""
    code = "\n".join(blocks(page, "bash", "sh")).replace("\\\n", " ")
    return [words for line in code.splitlines() if (words := shlex.split(line, comments=True))]


# --- command line -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_renders(name):
    result = CliRunner().invoke(COMMANDS[name], ["--help"])
    assert result.exit_code == 0, result.output
    assert "Options" in result.output


def test_help_lists_every_command_and_loads_nothing_heavy():
    script = (
        "import sys\n"
        "from ctlearn_gan_aug.cli.main import main\n"
        "sys.argv = ['ctlearn-gan', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'keras', 'ctlearn', 'ctapipe', 'dl1_data_handler', 'matplotlib'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=REPO, check=False
    )
    assert result.returncode == 0, result.stderr
    listed = re.findall(r"^  ([a-z-]+)", result.stdout.partition("Commands:")[2], re.M)
    assert set(listed) == set(COMMANDS)


# --- what the documents show --------------------------------------------------------------------


def test_readme_sets_up_with_two_make_targets():
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.M))
    shown = {words[1] for page in PAGES for words in shell_lines(page) if words[0] == "make"}
    assert {"demo", "test"} <= shown <= targets


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_in_documents_exist_with_their_options(page):
    for words in shell_lines(page):
        if words[0] != "ctlearn-gan" or words[1].startswith("-"):
            continue
        assert words[1] in COMMANDS, words
        command = COMMANDS[words[1]]
        if command.context_settings.get("ignore_unknown_options"):
            continue  # hands its options on to CTLearn's own tool
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_between_documents_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_gan_augment_blocks_in_documents_are_valid(page):
    for code in blocks(page, "yaml"):
        content = yaml.safe_load(code)
        if "gan_augment" in content:
            parse(GanAugmentConfig, content["gan_augment"], source=relative(page))


# --- configurations -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=relative)
def test_every_shipped_configuration_loads(path):
    content = load_yaml(path)
    if "TrainCTLearnModel" not in content:  # else CTLearn's own
        kinds = {"arms": StudyConfig, "translator": RefineConfig}
        found = [kind for sign, kind in kinds.items() if sign in content]
        parse(found[0] if found else TrainConfig, content, source=path)


@pytest.mark.parametrize("path", EXAMPLES, ids=relative)
def test_examples_hold_a_valid_block(path):
    parse(GanAugmentConfig, load_yaml(path)["gan_augment"], source=path)


def keys(section: type[Section], prefix: str = "") -> set[str]:
    """Dotted keys of a configuration section and the sections inside."""
    found = set()
    for name, field in section.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = [kind for kind in kinds if hasattr(kind, "model_fields")]
        found |= keys(inner[0], f"{prefix}{name}.") if inner else {prefix + name}
    return found


#: The block's keys have a page of their own.
STUDY_KEYS = {re.sub(r"^augment[.].*", "augment", key) for key in keys(StudyConfig)}


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("configuration.md", keys(TrainConfig)),
        ("study.md", STUDY_KEYS),
        ("refine.md", keys(RefineConfig)),
        ("gan_augment.md", keys(GanAugmentConfig) | set(Region.model_fields)),
    ],
)
def test_documents_list_exactly_the_keys_there_are(page, expected):
    rows = re.findall(r"^\|([^|]*`[^|]*)\|", (REPO / "docs" / page).read_text(), re.M)
    listed = {key for row in rows for key in re.findall(r"`([\w.]+)`", row)}
    assert {key for key in listed if not key.endswith(".yaml")} == expected


def test_shipped_configurations_are_found_by_name():
    assert {path.name for path in shipped_configs().values()} == {path.name for path in CONFIGS}
    assert shipped_config("thesis_gamma").read_text().strip()


def test_wrong_name_of_a_configuration_names_the_nearest():
    with pytest.raises(UserError, match="'demo_gamma'"):
        shipped_config("demo_gama")


# --- versions and dependencies --------------------------------------------------------------------


def test_changelog_starts_with_this_version():
    headings = re.findall(r"^## (\S+)", (REPO / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == __version__


def constraints(name: str) -> list[Requirement]:
    lines = (REPO / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned(name: str, python: str) -> dict[str, str]:
    """Versions that a file of constraints gives to a version of Python, by package."""
    pins = {}
    for pin in constraints(name):
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            assert canonicalize_name(pin.name) not in pins, f"{pin} is there twice"
            pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    return pins


def requirements(*extras: str) -> list[Requirement]:
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in extras)]
    return [Requirement(line) for lines in lists for line in lines]


def test_one_set_of_python_versions():
    allowed = SpecifierSet(PROJECT["requires-python"])
    minors = [f"3.{minor}" for minor in range(30)]
    assert [minor for minor in minors if allowed.contains(f"{minor}.99")] == PYTHONS
    named = re.findall(r"ython ?(3\.\d+)(?: or (3\.\d+))?", (REPO / "README.md").read_text())
    assert {version for pair in named for version in pair if version} == set(PYTHONS)
    searched = re.search(r"^versions=\((.*)\)", (REPO / "tools/make_venv.sh").read_text(), re.M)
    assert sorted(searched[1].split()) == PYTHONS


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-oldest.txt"])
def test_constraints_are_plain_versions(name):
    assert "://" not in (REPO / name).read_text()
    for pin in constraints(name):
        assert pin.url is None
        assert [part.operator for part in pin.specifier] == ["=="], pin


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_pin_every_dependency_within_its_bounds(python):
    pins = pinned("constraints.txt", python)
    for wanted in requirements("test", "dev"):
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), wanted


def test_oldest_constraints_are_the_lower_bounds():
    pins = pinned("constraints-oldest.txt", PYTHONS[0])
    for wanted in requirements("test"):
        (bound,) = (Version(s.version) for s in wanted.specifier if s.operator == ">=")
        oldest = Version(pins[canonicalize_name(wanted.name)])
        assert oldest == bound, wanted
        assert oldest in wanted.specifier, wanted


def test_backends_need_all_dependencies_but_tensorflow_and_ctlearn():
    left_out = {"tensorflow", "ctlearn"}
    expected = {line for line in PROJECT["dependencies"] if Requirement(line).name not in left_out}
    groups = PYPROJECT["dependency-groups"]
    assert set(groups["generate"]) == expected
    for backend in ("jax", "torch"):
        added = {line for line in groups[backend] if isinstance(line, str)}
        assert {"include-group": "generate"} in groups[backend]
        assert added - set(PROJECT["optional-dependencies"]["test"]) == {backend}


def test_hooks_and_constraints_agree_on_versions():
    hooks = yaml.safe_load((REPO / ".pre-commit-config.yaml").read_text())["repos"]
    pins = {pin.name: str(pin.specifier).lstrip("=") for pin in constraints("constraints.txt")}
    for hook in hooks:
        tool = "ruff" if "ruff" in hook["repo"] else "codespell"
        assert hook["rev"] == f"v{pins[tool]}"


# --- nothing of one machine -----------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXTS, ids=relative)
def test_no_paths_of_a_machine_and_no_package_index(path):
    pattern = r"(?<![\w.{])/(?:work|root|home|Users|tmp)/\w|files[.]pythonhosted|index[-]url"
    assert re.findall(pattern, path.read_text(errors="ignore")) == []
