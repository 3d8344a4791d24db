"""Which statements from outside reach the engine, by the engine's own parser: questions, and inserts into our landing tables.

The first of three layers. Behind it, readers are `readonly=1`, which refuses writes and table functions, but not the scalar function `file()` nor
INTO OUTFILE, measured on chDB 4.4: so these two are looked for here. The third is Landlock (`lockdown`).

`file` needs no call to be reached: ``arrayMap(file, [...])`` and ``* APPLY file`` take it by its name. And a table of the database `default` may be a
file: its name, with a slash in it, tells by the error whether the file exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rvbbit_otel.all_in_one.engine import EngineError, Reader, as_parameters

# Roots of the syntax tree, as EXPLAIN AST prints them.
_QUESTIONS = frozenset(
    {
        "SelectWithUnionQuery",
        "SelectIntersectExceptQuery",
        "ShowTables",
        "ShowColumns",
        "ShowIndexes",
        "ShowFunctions",
        "ShowSetting",
        "ShowEngineQuery",
        "ShowGrantsQuery",
        "ShowAccessQuery",
        "ShowCreateTableQuery",
        "ShowCreateViewQuery",
        "ShowCreateDatabaseQuery",
        "ShowCreateDictionaryQuery",
        "DescribeQuery",
        "ExistsTableQuery",
        "ExistsViewQuery",
        "ExistsDatabaseQuery",
        "ExistsDictionaryQuery",
        "Explain",
    }
)
# Functions that reach files, the network or this process, or ask about a table by a name in a string. As table functions the engine refuses most of
# them by itself.
_FORBIDDEN = re.compile(
    r"^ *Function (file|url|urlCluster|remote|remoteSecure|s3|s3Cluster|gcs|hdfs|azureBlobStorage|executable|python|Python|sqlite|mysql|postgresql|"
    r"mongodb|redis|jdbc|odbc|filesystem|cluster|clusterAllReplicas|deltaLake|iceberg|hudi|arrowFlight|ytsaurus|catboostEvaluate|hasColumnInTable|"
    r"joinGet|joinGetOrNull)\b",
    re.MULTILINE,
)
_BY_NAME = re.compile(r"^ *Identifier file(?: |$)", re.MULTILINE)
_APPLIED = re.compile(r"^ *ColumnsApplyTransformer\b", re.MULTILINE)
_FILE_WORD = re.compile(r"\bfile\b")
_PATH = re.compile(r"^ *(?:TableIdentifier .*/|Identifier (?:\w+\.)?\.{0,2}/|Identifier .*\.\./)", re.MULTILINE)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_OUTFILE = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
_INSERT = re.compile(
    r"\s*INSERT\s+INTO\s+(?:TABLE\s+)?(?:[`\"]?(?P<database>\w+)[`\"]?\s*\.\s*)?[`\"]?(?P<table>\w+)[`\"]?\s*(?P<columns>\([\w\s,.`\"]*\))?\s*"
    r"(?:SETTINGS\s+[\w\s=',.]*?)?FORMAT\s+(?P<format>\w+)(?:\r?\n|\s|$)",
    re.IGNORECASE,
)
# The data of these is values and nothing else. `Values` would be expressions, which the writer works out: file() among them.
_INSERT_FORMATS = frozenset(
    {
        "Native",
        "JSONEachRow",
        "JSONCompactEachRow",
        "RowBinary",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
        "CSV",
        "CSVWithNames",
        "TSV",
        "TabSeparated",
        "TabSeparatedWithNames",
        "Arrow",
        "ArrowStream",
        "Parquet",
    }
)
LANDING_TABLES = frozenset({"otel_traces_in", "otel_logs_in", "otlp_traces_in", "otlp_logs_in"})
_LOOKS_LIKE_INSERT = re.compile(rb"\s*INSERT\b", re.IGNORECASE)


@dataclass(frozen=True)
class Insert:
    """An insert that may pass: the statement, the format of its data, and the data."""

    statement: str
    format_name: str
    data: bytes


def as_insert(text: bytes) -> Insert | None:
    """The insert that a request holds, None if it is no insert; raises EngineError for one that may not pass."""
    if not _LOOKS_LIKE_INSERT.match(text):
        return None
    # Data of any kind follows the first line, so only the head is read as text.
    head = text[:16_384].decode("latin-1")
    found = _INSERT.match(head)
    if found is None:
        raise _denied("an INSERT here names one of our landing tables and a FORMAT, and carries its data")
    table = found["table"]
    if table not in LANDING_TABLES:
        raise _denied(f"{table} can't be written from outside; spans go to otel_traces_in, log records to otel_logs_in")
    if found["format"] not in _INSERT_FORMATS:
        raise _denied(
            f"the format {found['format']} is not served for an INSERT: send Native, JSONEachRow or RowBinary"
        )
    return Insert(f"INSERT INTO {table} {found['columns'] or ''}", found["format"], text[found.end() :])


def check_question(reader: Reader, text: str, parameters: Mapping[str, str]) -> None:
    """Raise EngineError unless this is one statement that only asks."""
    query = as_parameters({"query": text})
    formatted = reader.run("SELECT formatQueryOrNull({query:String})", "TSVRaw", query).body.decode()
    if formatted == "\\N\n":
        # Its own error says where a statement breaks off; one that parses alone is one of several.
        reader.run("SELECT formatQuery({query:String}) FORMAT Null", "Null", query)
        raise EngineError("Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)")
    if _OUTFILE.search(_QUOTED.sub("''", formatted)):
        raise _denied("INTO OUTFILE is not served: read the answer instead")
    tree = reader.run("EXPLAIN AST " + formatted, "TSVRaw", parameters).body.decode()
    root, *children = (line.split(None, 1)[0] for line in tree.splitlines() if line and not line.startswith("  "))
    # What EXPLAIN explains is a question too; `Set` holds its own options.
    asked = [child for child in children if child != "Set"] if root == "Explain" else []
    refused = next((name for name in (root, *asked) if name not in _QUESTIONS), None)
    if refused is not None:
        raise _denied(
            f"{refused.removesuffix('Query')} is not served here: only questions are, and inserts into the landing tables"
        )
    found = _FORBIDDEN.search(tree)
    if found is not None:
        raise _denied(f"the function {found.group(1)} is not served here")
    # The tree does not say what APPLY applies; the text does, outside its strings.
    if _BY_NAME.search(tree) or (_APPLIED.search(tree) and _FILE_WORD.search(_STRING.sub("''", formatted))):
        raise _denied(
            "the function file is not served here, and a column of that name needs its table's name before it"
        )
    if _PATH.search(tree):
        raise _denied("a name with a path in it is no table here")


def _denied(text: str) -> EngineError:
    return EngineError(f"Code: 497. DB::Exception: {text}. (ACCESS_DENIED)")
