"""Each format of a provider's export is read as it is documented, and what can't be read says where and what to do."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.usage_exports import Figures, read_exports

# By the providers' documentation; the times are 2025-08-01 and the day after.
FIRST, SECOND, THIRD = 1754006400, 1754092800, 1754179200
OPENAI = {
    "object": "page",
    "data": [
        {
            "object": "bucket",
            "start_time": FIRST,
            "end_time": SECOND,
            "results": [
                {
                    "object": "organization.usage.completions.result",
                    "input_tokens": 5000,
                    "output_tokens": 1000,
                    "input_cached_tokens": 4000,
                    "num_model_requests": 5,
                    "project_id": "proj_abc",
                    "user_id": "user-abc",
                    "api_key_id": "key_abc",
                    "model": "gpt-4o-mini-2024-07-18",
                    "batch": False,
                }
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}
ANTHROPIC = {
    "data": [
        {
            "starting_at": "2025-08-01T00:00:00Z",
            "ending_at": "2025-08-02T00:00:00Z",
            "results": [
                {
                    "api_key_id": "apikey_01Rj",
                    "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
                    "cache_read_input_tokens": 200,
                    "context_window": "0-200k",
                    "model": "claude-sonnet-4-20250514",
                    "output_tokens": 500,
                    "server_tool_use": {"web_search_requests": 10},
                    "service_tier": "standard",
                    "uncached_input_tokens": 1500,
                    "workspace_id": "wrkspc_01Jw",
                }
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}
ANTHROPIC_COSTS = {
    "data": [
        {
            "starting_at": "2025-08-01T00:00:00Z",
            "ending_at": "2025-08-02T00:00:00Z",
            "results": [
                {
                    "amount": "123.78912",
                    "currency": "USD",
                    "model": "claude-sonnet-4-20250514",
                    "token_type": "output_tokens",
                    "workspace_id": None,
                },
                {"amount": "10", "currency": "USD", "model": None, "cost_type": "web_search", "workspace_id": None},
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}
OPENAI_CSV = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,"
    "input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
    f"{FIRST},{SECOND},2025-08-01T00:00:00+00:00,2025-08-02T00:00:00+00:00,proj_a,10.0,user-x,key_b,gpt-4o-2024-08-06,FALSE,default,59200.0,10646.0,5760.0,53440.0\n"
    f"{SECOND},{THIRD},2025-08-02T00:00:00+00:00,2025-08-03T00:00:00+00:00,,,,,,,,,,,\n"
)
OPENAI_COSTS_CSV = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id,organization_name\n"
    f'{FIRST},{SECOND},2025-08-01T00:00:00+00:00,2025-08-02T00:00:00+00:00,0.5617712500000000,usd,"gpt-4o-2024-08-06, input",proj_a,org-a,Personal\n'
)
CONSOLE = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
    "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed\n"
    "2025-08-01,claude-sonnet-4-20250514,my key,Default,standard,≤ 200k,100000,1,2,3,50,0,global,\n"
)
CONSOLE_COSTS = (
    "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed\n"
    "2025-08-01,Claude Haiku 4.5,Default,my key,message,≤ 200k,input_no_cache,0.19,0.19,token,global,\n"
    "2025-08-01,Claude 3.5 Sonnet 2024-10-22,Default,my key,message,≤ 200k,output,0.01,0.01,token,global,\n"
)


def written(tmp_path: Path, content: object, name: str = "export") -> Path:
    file = tmp_path / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("content", "provider", "expected"),
    [
        (OPENAI, "openai", [("gpt-4o-mini-2024-07-18", "key_abc", "proj_abc", Figures(5, 5000, 1000, None), "0")]),
        ([OPENAI], "openai", [("gpt-4o-mini-2024-07-18", "key_abc", "proj_abc", Figures(5, 5000, 1000, None), "0")]),
        (OPENAI_CSV, "openai", [("gpt-4o-2024-08-06", "key_b", "proj_a", Figures(10, 59200, 10646, None), "0")]),
        (
            OPENAI_CSV.replace(",", ";"),
            "openai",
            [("gpt-4o-2024-08-06", "key_b", "proj_a", Figures(10, 59200, 10646, None), "0")],
        ),
        (
            "\ufeff" + OPENAI_CSV.replace(",", "\t").replace("\n", "\r\n"),
            "openai",
            [("gpt-4o-2024-08-06", "key_b", "proj_a", Figures(10, 59200, 10646, None), "0")],
        ),
        (OPENAI_COSTS_CSV, "openai", [("gpt-4o-2024-08-06", "", "proj_a", Figures(cost=Decimal("0.56177125")), "0")]),
        (
            ANTHROPIC,
            "anthropic",
            [("claude-sonnet-4-20250514", "apikey_01Rj", "wrkspc_01Jw", Figures(None, 3200, 500, None), "0")],
        ),
        (
            ANTHROPIC_COSTS,
            "anthropic",
            [
                ("claude-sonnet-4-20250514", "", "", Figures(cost=Decimal("1.2378912")), "0"),
                ("web_search", "", "", Figures(cost=Decimal("0.1")), "0"),
            ],
        ),
        (
            CONSOLE,
            "anthropic",
            [("claude-sonnet-4-20250514", "my key", "Default", Figures(None, 100006, 50, None), "0")],
        ),
        (
            CONSOLE_COSTS,
            "anthropic",
            [
                ("claude-haiku-4-5", "my key", "Default", Figures(cost=Decimal("0.19")), "0.005"),
                ("claude-3-5-sonnet-20241022", "my key", "Default", Figures(cost=Decimal("0.01")), "0.005"),
            ],
        ),
        (
            "day,model,cost,calls,key\n2025-08-01,mistral-large,0.000000000001,3,prod\n",
            "generic",
            [("mistral-large", "prod", "", Figures(3, None, None, Decimal("0.000000000001")), "0")],
        ),
    ],
)
def test_each_format_is_read_as_documented(
    tmp_path: Path, content: object, provider: str, expected: list[object]
) -> None:
    export = read_exports([written(tmp_path, content)], provider)
    found = [(each.model, each.key, each.project, each.figures, str(each.rounding)) for each in export.entries]
    assert (export.provider, found) == (provider, expected)
    assert {each.day for each in export.entries} == {date(2025, 8, 1)}
    last = 3 if str(content).count(str(THIRD)) else 2
    assert (export.begin, export.end) == (
        datetime(2025, 8, 1, tzinfo=timezone.utc),
        datetime(2025, 8, last, tzinfo=timezone.utc),
    )


def test_an_amount_keeps_every_digit_that_was_written(tmp_path: Path) -> None:
    bucket = f'{{"start_time": {FIRST}, "end_time": {SECOND}, "results": '
    text = bucket + '[{"amount": {"value": 0.10000000000000000001, "currency": "usd"}, "line_item": "m"}]}'
    (entry,) = read_exports([written(tmp_path, '{"data": [' + text + "]}")]).entries
    assert str(entry.figures.cost) == "0.10000000000000000001"


def test_pages_are_read_together_and_one_that_lacks_is_an_error(tmp_path: Path) -> None:
    more = {"data": [{**OPENAI["data"][0], "start_time": SECOND, "end_time": THIRD}], "has_more": False}  # type: ignore[index, dict-item]
    first = written(tmp_path, {**OPENAI, "has_more": True, "next_page": "page_A"}, "first")
    assert len(read_exports([first, written(tmp_path, more, "second")]).entries) == 2
    with pytest.raises(
        ConfigurationError,
        match=r"first says `has_more`, and no page goes on at 2025-08-02 00:00:00: fetch the next pages",
    ):
        read_exports([first])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "export is empty"),
        ("{", "export, line 1, column 2: it is no JSON"),
        (
            '{"data": []}\n{"data": []}',
            "export, line 2, column 1: it is no JSON: Extra data. Give each page in a file of its own, as it came, or all in one list",
        ),
        ('{"data": [NaN]}', "export: it is no JSON: NaN is no number"),
        ("[]", "export is an empty list"),
        ({"items": []}, "export has no list `data`. It has to be OpenAI's or Anthropic's"),
        ({"data": []}, "export has no bucket in `data`"),
        ({"data": [{"day": 1}]}, "export, data[0] has neither `start_time` nor `starting_at`"),
        (
            {"data": [{"start_time": FIRST, "end_time": THIRD, "results": []}]},
            "data[0] goes from 2025-08-01 00:00:00 to 2025-08-03 00:00:00",
        ),
        (
            {"data": [{"start_time": "then", "end_time": THIRD, "results": []}]},
            "data[0].start_time is 'then': it has to be a time",
        ),
        ({"data": [{"start_time": FIRST, "end_time": SECOND}]}, "data[0] has no list `results`"),
        (
            {
                "data": [
                    {"start_time": FIRST, "end_time": SECOND, "results": [{"input_tokens": 1}, {"input_tokens": -1}]}
                ]
            },
            "data[0].results[1].input_tokens is '-1': it has to be a whole number",
        ),
        (
            {
                "data": [
                    {
                        "start_time": FIRST,
                        "end_time": SECOND,
                        "results": [{"object": "organization.usage.vector_stores.result"}],
                    }
                ]
            },
            "which is no call to a model: leave that file out",
        ),
        (
            {
                "data": [
                    {"start_time": FIRST, "end_time": SECOND, "results": [{"amount": {"value": 1, "currency": "eur"}}]}
                ]
            },
            "results[0].amount has to be in US dollars",
        ),
        (
            {"data": [{**ANTHROPIC["data"][0], "results": [{"tokens": 1}]}]},
            "has neither `uncached_input_tokens` nor `amount`",
        ),  # type: ignore[dict-item]
        ("name,price\na,b\n", "export, line 1: its columns are name, price. It has to be OpenAI's"),
        ("day,model\n2025-08-01,m\n", "export, line 1: there is none of calls, cost, tokens_in, tokens_out"),
        ("day,model,cost,prize\n2025-08-01,m,1,2\n", "export, line 1: 'prize' is none of calls, cost, day,"),
        ("day,model,cost,cost\n2025-08-01,m,1,2\n", "export, line 1: the column 'cost' is there twice"),
        ("day,model,cost\n", "export has a header and no line"),
        ("day,model,cost\n2025-08-01,m,1\n2025-08-01,m\n", "export, line 3 has 2 fields, and the header 3"),
        ('day,model,cost\n2025-08-01,m,"1,000.5"\n', "export, line 2, cost is '1,000.5': it has to be a number"),
        ('day,model,cost\n2025-08-01,"m,1\n', "export, line 2: it is no CSV"),
        ("day,model,calls\n2025-08-01,m,1.5\n", "export, line 2, calls is '1.5': it has to be a whole number"),
        (
            "day,model,cost\n2025-08-01T12:00:00,m,1\n",
            "export, line 2, day is '2025-08-01T12:00:00': it has to be a day of UTC",
        ),
    ],
)
def test_what_can_not_be_read_says_where_and_what_to_do(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_exports([written(tmp_path, content)])
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_file_that_is_not_there_or_of_somebody_else_or_given_twice_is_an_error(tmp_path: Path) -> None:
    ours, theirs = written(tmp_path, OPENAI, "a"), written(tmp_path, ANTHROPIC, "b")
    with pytest.raises(ConfigurationError, match="none can't be read: "):
        read_exports([tmp_path / "none"])
    with pytest.raises(ConfigurationError, match="a is of openai, not of anthropic"):
        read_exports([ours], "anthropic")
    with pytest.raises(
        ConfigurationError, match="the files are of anthropic and openai: reconcile one provider at a time"
    ):
        read_exports([ours, theirs])
    with pytest.raises(
        ConfigurationError, match=r"c, data\[0\].results\[0\]: 2025-08-01 gpt-4o-mini-2024-07-18 is in \S+a already"
    ):
        read_exports([ours, written(tmp_path, OPENAI, "c")])
