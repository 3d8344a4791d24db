//! What the crate `clickhouse` does: `checks URL lz4|none`. A line for each check: "ok NAME", or "FAILED NAME: why".

use std::env;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

type Checked = Result<(), Box<dyn Error>>;

#[derive(Row, Serialize, Deserialize, Debug, PartialEq)]
struct Session {
    session_id: String,
    n: u64,
}

type Map = Vec<(String, String)>;

/// A log record with all that its table has: the crate's validation wants each column that has no default.
#[derive(Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Whole {
    #[serde(with = "clickhouse::serde::time::datetime64::nanos")]
    timestamp: OffsetDateTime,
    trace_id: String,
    span_id: String,
    trace_flags: u8,
    severity_text: String,
    severity_number: u8,
    service_name: String,
    body: String,
    resource_schema_url: String,
    resource_attributes: Map,
    scope_schema_url: String,
    scope_name: String,
    scope_version: String,
    scope_attributes: Map,
    log_attributes: Map,
    event_name: String,
}

fn whole(body: &str) -> Whole {
    let empty = String::new;
    Whole {
        timestamp: OffsetDateTime::now_utc(),
        trace_id: empty(),
        span_id: empty(),
        trace_flags: 0,
        severity_text: "INFO".into(),
        severity_number: 9,
        service_name: "checks".into(),
        body: body.into(),
        resource_schema_url: empty(),
        resource_attributes: vec![("service.name".into(), "checks".into())],
        scope_schema_url: empty(),
        scope_name: empty(),
        scope_version: empty(),
        scope_attributes: vec![],
        log_attributes: vec![],
        event_name: empty(),
    }
}

#[derive(Row, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "Timestamp", with = "clickhouse::serde::time::datetime64::nanos")]
    timestamp: OffsetDateTime,
    #[serde(rename = "Body")]
    body: String,
}

#[derive(Row, Serialize, Deserialize)]
struct Wrong {
    #[serde(rename = "Body")]
    body: u64,
}

async fn check(name: &str, run: impl Future<Output = Checked>) {
    match run.await {
        Ok(()) => println!("ok {name}"),
        Err(why) => println!("FAILED {name}: {}", why.to_string().split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found:?} is not {expected:?}").into())
}

fn refused<T>(result: Result<T, clickhouse::error::Error>, code: u32) -> Checked {
    match result {
        Err(error) if error.to_string().contains(&format!("Code: {code}.")) => Ok(()),
        Err(error) => Err(format!("not {code}: {error}").into()),
        Ok(_) => Err("no error".into()),
    }
}

async fn running(client: &Client, mark: &str, count: u64) -> Checked {
    let query = format!("SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'");
    for _ in 0..1000 {
        if client.query(&query).fetch_one::<u64>().await? == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("not {count} of {mark}").into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().collect();
    let compression = if arguments[2] == "lz4" { Compression::Lz4 } else { Compression::None };
    let client = Client::default().with_url(&arguments[1]).with_user("default").with_compression(compression);
    let of_sessions = "SELECT session_id, count() AS n FROM unified_logs";
    let both = || vec![Session { session_id: "s1".into(), n: 4 }, Session { session_id: "s2".into(), n: 2 }];
    let forever = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, ?)";

    check("one", async { equal(client.query("SELECT 1").fetch_one::<u8>().await?, 1) }).await;
    check("rows", async {
        equal(client.query(&format!("{of_sessions} GROUP BY 1 ORDER BY 1")).fetch_all::<Session>().await?, both())
    })
    .await;
    check("bind", async {
        let query = format!("{of_sessions} WHERE caller_id = ? GROUP BY 1 ORDER BY 1");
        equal(client.query(&query).bind("sql-fox").fetch_all::<Session>().await?, both())
    })
    .await;
    check("bind_of_names", async {
        equal(client.query("SELECT ?fields FROM (SELECT 's1' AS session_id, toUInt64(4) AS n)").fetch_one::<Session>().await?.n, 4)
    })
    .await;
    check("param", async {
        let query = client.query("SELECT {text:String}").param("text", "it's a \\ \t text");
        equal(query.fetch_one::<String>().await?, "it's a \\ \t text".to_string())
    })
    .await;
    check("params_of_kinds", async {
        let query = client.query("SELECT {list:Array(UInt8)}[2] + {number:UInt8}").param("list", vec![1u8, 2]).param("number", 40u8);
        equal(query.fetch_one::<u16>().await?, 42)
    })
    .await;
    check("without_validation", async {
        let plain = client.clone().with_validation(false);
        equal(plain.query(&format!("{of_sessions} GROUP BY 1 ORDER BY 1")).fetch_all::<Session>().await?, both())
    })
    .await;
    check("long_answer", async {
        let mut cursor = client.query("SELECT number, toString(number) FROM numbers(300000)").fetch::<(u64, String)>()?;
        let (mut count, mut sum) = (0u64, 0u64);
        while let Some((number, text)) = cursor.next().await? {
            count += 1;
            sum += text.parse::<u64>()?.min(number);
        }
        equal((count, sum), (300000, 44999850000))
    })
    .await;
    check("optional", async { equal(client.query("SELECT 1 WHERE 0").fetch_optional::<u8>().await?, None) }).await;
    check("bytes", async {
        let bytes = client.query("SELECT 1 AS x").fetch_bytes("JSONEachRow")?.collect().await?;
        equal(bytes.as_ref(), b"{\"x\":1}\n".as_ref())
    })
    .await;
    check("setting", async {
        let with = client.clone().with_setting("max_threads", "3");
        equal(with.query("SELECT toUInt64(getSetting('max_threads'))").fetch_one::<u64>().await?, 3)
    })
    .await;
    check("database", async {
        let system = client.clone().with_database("system");
        equal(system.query("SELECT count() FROM one").fetch_one::<u64>().await?, 1)
    })
    .await;
    check("validated_insert", async {
        let counted = "SELECT count() FROM otel_logs WHERE Body = 'from rust'";
        let before = client.query(counted).fetch_one::<u64>().await?;
        let mut insert = client.insert::<Whole>("otel_logs_in").await?;
        for _ in 0..1000 {
            insert.write(&whole("from rust")).await?;
        }
        insert.end().await?;
        equal(client.query(counted).fetch_one::<u64>().await? - before, 1000)
    })
    .await;
    check("validated_insert_of_another_type", async {
        let insert = client.insert::<Wrong>("otel_logs_in").await;
        let failed = match insert {
            Ok(mut insert) => insert.write(&Wrong { body: 1 }).await.is_err(),
            Err(_) => true,
        };
        equal(failed, true)
    })
    .await;
    check("insert_without_validation", async {
        let mut insert = client.clone().with_validation(false).insert::<Record>("otel_logs_in").await?;
        insert.write(&Record { timestamp: OffsetDateTime::now_utc(), body: "from rust too".into() }).await?;
        Ok(insert.end().await?)
    })
    .await;
    check("kill", async {
        let name = format!("of-rust-{}", arguments[2]);
        let other = client.clone();
        let asked = client.query(forever).bind("rust kill").with_setting("query_id", &name).fetch_one::<u64>();
        let kill = async {
            running(&other, "rust kill", 1).await?;
            other.query("KILL QUERY WHERE query_id = ?").bind(&name).execute().await?;
            Checked::Ok(())
        };
        let (asked, killed) = tokio::join!(asked, kill);
        killed?;
        refused(asked, 394)?;
        running(&client, "rust kill", 0).await
    })
    .await;
    check("dropped", async {
        let asked = client.query(forever).bind("rust drop").fetch_one::<u64>();
        tokio::select! {
            _ = asked => return Err("an answer".into()),
            begun = running(&client, "rust drop", 1) => begun?,
        }
        running(&client, "rust drop", 0).await
    })
    .await;
    check("time_limit", async {
        let query = client.query(forever).bind("rust limit").with_setting("max_execution_time", "0.2");
        refused(query.fetch_one::<u64>().await, 159)
    })
    .await;
    check("syntax_error", async { refused(client.query("SELEC 1").fetch_one::<u8>().await, 62) }).await;
    check("unknown_table", async { refused(client.query("SELECT 1 FROM nowhere").fetch_one::<u8>().await, 60) }).await;
    check("no_write", async { refused(client.query("DROP TABLE unified_logs").execute().await, 497) }).await;
    check("error_behind_a_begun_answer", async {
        let mut cursor = client.query("SELECT number, throwIf(number = 700000) FROM numbers(900000)").fetch::<(u64, u8)>()?;
        loop {
            match cursor.next().await {
                Ok(Some(_)) => continue,
                Ok(None) => return Err("no error".into()),
                Err(_) => return Ok(()),
            }
        }
    })
    .await;
}
