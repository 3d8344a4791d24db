"""A file of budgets is read whole, and one that is wrong says which entry, and how."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.budget_file import Budget, read_budgets


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "budgets.toml"
    file.write_text(text)
    return file


def test_what_an_entry_leaves_out_is_for_everything(tmp_path: Path) -> None:
    text = (
        'webhook = "https://a.example/x"\n[[budget]]\nname = "all"\ndollars = 0.1\n'
        '[[budget]]\nname = "one"\ncaller = "web-*"\norigin = "http"\ncascade = "c"\nmodel = "gpt-?"\nmetadata = { team = "s" }\n'
        'per = "hour"\ntokens = 5\n'
        'webhook = "http://127.0.0.1:9/y"\n'
    )
    assert read_budgets(written(tmp_path, text)) == [
        Budget("all", "*", "*", "*", "*", (), "", Decimal("0.1"), None, "https://a.example/x"),
        Budget("one", "web-*", "http", "c", "gpt-?", (("team", "s"),), "hour", None, 5, "http://127.0.0.1:9/y"),
    ]
    assert [each.whose for each in read_budgets(tmp_path / "budgets.toml")] == [
        "all",
        "caller web-*, origin http, cascade c, model gpt-?, team=s",
    ]


GOOD = '[[budget]]\nname = "b"\ndollars = 1\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budget =", "is no TOML"),
        ("", r"has to hold \[\[budget\]\] entries"),
        ("limit = 1\n" + GOOD, r"has to hold \[\[budget\]\] entries"),
        ("[budget]\nname = 'b'\n", r"has to hold \[\[budget\]\] entries"),
        ("[[budget]]\ndollars = 1\n", "budgets.toml, budget 1: `name` has to be a text"),
        (GOOD + GOOD, "budgets.toml, budget 2: the name 'b' is there already"),
        (GOOD + "calller = 'x'\n", "budget 1: 'calller' is none of caller, cascade, dollars,"),
        (GOOD + "caller = 1\n", r"budget 1 \(b\): `caller` has to be a pattern"),
        (GOOD + "caller = 'web-[ab]'\n", "`caller` has to be a pattern"),
        (GOOD + "metadata = 'x'\n", "`metadata` has to be a table"),
        (GOOD + "metadata = { a = 1.5 }\n", "`metadata` has to be a table"),
        (GOOD + "per = 'week'\n", "`per` has to be one of hour, day, month"),
        (GOOD + "tokens = 1.5\n", "`tokens` has to be a whole number"),
        (GOOD + "tokens = true\n", "`tokens` has to be a whole number"),
        ("[[budget]]\nname = 'b'\n", "there is neither `dollars` nor `tokens`"),
        ("[[budget]]\nname = 'b'\ndollars = -1\n", "`dollars` has to be a number from 0 on"),
        ("[[budget]]\nname = 'b'\ndollars = nan\n", "`dollars` has to be a number from 0 on"),
        ("[[budget]]\nname = 'b'\ndollars = 'much'\n", "`dollars` has to be a number from 0 on"),
        *(
            (
                GOOD + f"webhook = '{address}'\n",
                "`webhook` has to be an https address without a user, or http on the loopback",
            )
            for address in (
                "http://example.com/x",
                "ftp://127.0.0.1/x",
                "https://",
                "https://u:p@example.com/",
                "https://h:99999/",
                "https://a b/",
                "file:///etc/passwd",
                "http://127.0.0.1.example.com/",
            )
        ),
        ("webhook = 5\n" + GOOD, "budgets.toml, webhook has to be an https address"),
    ],
)
def test_one_that_is_wrong_says_which_entry_and_how(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as error:
        read_budgets(written(tmp_path, text))
    assert "u:p@" not in str(error.value)


def test_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the budgets in .*none\.toml can't be read"):
        read_budgets(tmp_path / "none.toml")
