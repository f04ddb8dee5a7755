# SPDX-License-Identifier: Apache-2.0
"""YAML 1.2 core schema, with positions."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import SpecError
from emu.spec.yamltree import Mark, load_yaml, load_yaml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1e-4", 1e-4),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("'3'", "3"),
        ("~", None),
        ("null", None),
        ("true", True),
        (".5", 0.5),
        ("400G", "400G"),
        ("[1, [2]]", [1, [2]]),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = load_yaml_text(f"a: {text}", "f.yaml").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_values_and_keys_have_their_places() -> None:
    tree = load_yaml_text("a:\n  - b: 1\n    c: 2\n", "f.yaml")
    assert tree.values["a", 0, "c"] == Mark("f.yaml", 3, 8)
    assert tree.keys["a", 0, "c"] == Mark("f.yaml", 3, 5)


def test_an_alias_stands_where_its_anchor_is() -> None:
    tree = load_yaml_text("a: &x {b: 1}\nc: *x\n", "f.yaml")
    assert tree.data == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_few_lines_cannot_unfold_to_billions() -> None:
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(SpecError, match="unfold to more than"):
        load_yaml_text("\n".join(lines), "f.yaml")


def test_all_faults_of_the_text_are_reported() -> None:
    with pytest.raises(SpecError) as caught:
        load_yaml_text("a: 1\na: 2\nb: .nan\nc: !x 3\n", "f.yaml")
    assert [fault.line for fault in caught.value.faults] == [2, 3, 4]


@pytest.mark.parametrize("text", ["[" * 1000, "{a: " * 1000, "- " * 1000 + "a"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        load_yaml_text(text, "f.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        load_yaml(tmp_path / "missing.yaml")
    with pytest.raises(SpecError, match="this is a folder"):
        load_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(SpecError, match="byte 9 is not UTF-8"):
        load_yaml(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (8 * 2**20 + 1))
    with pytest.raises(SpecError, match="at most 8388608"):
        load_yaml(tmp_path / "large.yaml")
    (tmp_path / "control.yaml").write_bytes(b"name: a\x00b\n")
    with pytest.raises(SpecError, match="not valid YAML"):
        load_yaml(tmp_path / "control.yaml")
