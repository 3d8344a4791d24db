"""What the engine may do at all, for every connection of this process: no network, no writing of files through SQL, no users, no shutdown.

The engine has one user, `default`, so nothing here can tell a reader from the writer; readers are `readonly=1` besides. Measured on chDB 4.4: grants
hold only if the file of users is named by a configuration file, and that by the first connection. What they don't hold: the scalar function file()
and INTO OUTFILE, which ask for no grant (the gate and Landlock do), nor reading by the table function file(): its grant is needed, see below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

# Of tables: what migrations, inserts through views, repairs, audits and retention need. TRUNCATE and OPTIMIZE are what audits advise to run.
# No SYSTEM of any kind: SYSTEM STOP MERGES passes `readonly=1` where it is granted.
_ON_TABLES: Final = (
    "SELECT",
    "INSERT",
    "ALTER",
    "CREATE DATABASE",
    "CREATE TABLE",
    "CREATE VIEW",
    "DROP",
    "TRUNCATE",
    "OPTIMIZE",
    "SHOW",
    "KILL QUERY",
    "CHECK",
)
_GRANTS: Final = (
    f"GRANT {', '.join(_ON_TABLES)} ON *.*",
    # `default` is an overlay of our tables and the file system, so a name that is no table yet is looked up as a file: without this, CREATE VIEW
    # and inserts through views fail with 497. Nothing else of READ, and nothing of WRITE, is needed.
    "GRANT READ ON FILE",
)
_USERS: Final = """<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>{grants}</grants>
    </default>
  </users>
</clickhouse>
"""
# Parts are merged column by column from the first merge on: row by row costs 6.5 us a span, this 3.7 (ADR 60).
_CONFIGURATION: Final = """<clickhouse>
  <logger><level>none</level></logger>
  <users_config>{users}</users_config>
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
  <merge_tree>
    <vertical_merge_algorithm_min_rows_to_activate>1</vertical_merge_algorithm_min_rows_to_activate>
  </merge_tree>
</clickhouse>
"""


def address_with_grants(data: Path, store: str) -> str:
    """Return the address that the first connection opens: the store, with a configuration written anew into `data`,
    so that an edit does not last.
    """
    users, configuration = data.resolve() / "users.xml", data.resolve() / "engine.xml"
    _replace(users, _USERS.format(grants="".join(f"<query>{escape(grant)}</query>" for grant in _GRANTS)))
    _replace(configuration, _CONFIGURATION.format(users=escape(str(users))))
    # Unquoted, a folder with + or % in its name would leave everything granted, without a word.
    return f"{store}?config-file={quote(str(configuration))}"


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
