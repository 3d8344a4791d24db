// ClickHouse's client for Node.js: `node checks.mjs URL FOLDER`, the client being installed in FOLDER. A line for each check: "ok NAME", or "FAILED NAME: why".
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { ClickHouseLogLevel, createClient } = createRequire(join(process.argv[3], 'package.json'))('@clickhouse/client')
const url = process.argv[2]
const forever = (mark) => `SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, '${mark}')`

async function check(name, run, settings = {}) {
  const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF }, ...settings })
  try {
    await run(client)
    console.log(`ok ${name}`)
  } catch (error) {
    console.log(`FAILED ${name}: ${String(error).replace(/\s+/g, ' ')}`)
  } finally {
    await client.close()
  }
}

const rows = async (client, query, more = {}) => (await client.query({ query, format: 'JSONEachRow', ...more })).json()
const refused = (promise, code) => assert.rejects(promise, (error) => (assert.equal(error.code, code), true))

async function running(client, mark, count) {
  const query = `SELECT toUInt32(count()) AS n FROM system.processes WHERE query LIKE '%${mark}%' AND query NOT LIKE '%processes%'`
  for (let i = 0; (await rows(client, query))[0].n !== count; i++) {
    assert.ok(i < 1000, `not ${count} of ${mark}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}

await check('ping', async (c) => assert.equal((await c.ping()).success, true))
await check('ping_by_select', async (c) => assert.equal((await c.ping({ select: true })).success, true))
await check('json_each_row', async (c) => assert.deepEqual(await rows(c, 'SELECT 1 AS x'), [{ x: 1 }]))
for (const format of ['JSON', 'JSONCompact', 'JSONStrings', 'JSONColumnsWithMetadata']) {
  await check(`format_${format}`, async (c) => {
    const answer = await (await c.query({ query: "SELECT 'a' AS x", format })).json()
    assert.equal(answer.meta[0].name, 'x')
  })
}
await check('format_CSV', async (c) => assert.equal(await (await c.query({ query: "SELECT 1, 'a'", format: 'CSV' })).text(), '1,"a"\n'))
await check('parameters', async (c) =>
  assert.deepEqual(
    await rows(c, 'SELECT {a: String} AS a, {b: Array(UInt8)} AS b, {c: Nullable(String)} AS c, {d: DateTime} AS d', {
      query_params: { a: "it's a \\ \t tab", b: [1, 2], c: null, d: new Date('2020-01-02T03:04:05Z') },
    }),
    [{ a: "it's a \\ \t tab", b: [1, 2], c: null, d: '2020-01-02 03:04:05' }],
  ),
)
await check('our_rows', async (c) =>
  assert.deepEqual(
    await rows(c, 'SELECT session_id, toUInt32(count()) AS n FROM unified_logs WHERE caller_id = {caller: String} GROUP BY 1 ORDER BY 1', {
      query_params: { caller: 'sql-fox' },
    }),
    [{ session_id: 's1', n: 4 }, { session_id: 's2', n: 2 }],
  ),
)
await check('settings', async (c) =>
  assert.deepEqual(await rows(c, "SELECT getSetting('max_threads') AS n", { clickhouse_settings: { max_threads: '3' } }), [{ n: 3 }]),
)
await check('settings_of_the_client', async (c) => assert.deepEqual(await rows(c, 'SELECT toUInt64(1) AS x'), [{ x: 1 }]), {
  clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
})
await check('database', async (c) => assert.deepEqual(await rows(c, 'SELECT toUInt32(count()) AS n FROM one'), [{ n: 1 }]), { database: 'system' })
await check('session', async (c) => {
  await c.command({ query: 'SET max_threads = 3' })
  assert.deepEqual(await rows(c, "SELECT getSetting('max_threads') AS n"), [{ n: 3 }])
}, { session_id: 'of-node' })
for (const response of [false, true]) {
  await check(`long_answer_${response ? 'packed' : 'plain'}`, async (c) => {
    const answer = await c.query({ query: 'SELECT number, toString(number) AS text FROM numbers(200000)', format: 'JSONCompactEachRow' })
    let count = 0
    for await (const some of answer.stream()) {
      count += some.length
    }
    assert.equal(count, 200000)
  }, { compression: { response } })
}
await check('headers', async (c) => {
  const answer = await c.query({ query: 'SELECT 1', query_id: 'of-node-1', format: 'JSONEachRow' })
  await answer.text()
  assert.equal(answer.query_id, 'of-node-1')
  assert.equal(answer.response_headers['x-clickhouse-format'], 'JSONEachRow')
  assert.equal(answer.response_headers['x-clickhouse-server-display-name'], 'rvbbit-otel')
})
await check('exec', async (c) => {
  const answer = await c.exec({ query: 'SELECT 1 FORMAT CSV' })
  let text = ''
  for await (const some of answer.stream) {
    text += some
  }
  assert.equal(text, '1\n')
})
await check('keep_alive_by_progress', async (c) => assert.deepEqual(await rows(c, 'SELECT 1 AS x'), [{ x: 1 }]), {
  clickhouse_settings: { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: '10000', wait_end_of_query: 1 },
})
for (const request of [false, true]) {
  await check(`insert_${request ? 'packed' : 'plain'}`, async (c) => {
    const done = await c.insert({ table: 'otel_logs_in', values: [{ Body: 'from node' }, { Body: 'from node' }], columns: ['Body'], format: 'JSONEachRow' })
    assert.ok(Number(done.summary.written_rows) >= 2)
  }, { compression: { request } })
}
await check('kill', async (c) => {
  const asked = refused(rows(c, forever('node kill'), { query_id: 'of-node-2' }), '394')
  await running(c, 'node kill', 1)
  await c.command({ query: "KILL QUERY WHERE query_id = 'of-node-2' SYNC" })
  await asked
  await running(c, 'node kill', 0)
})
await check('abort', async (c) => {
  const controller = new AbortController()
  const asked = assert.rejects(rows(c, forever('node abort'), { abort_signal: controller.signal }))
  await running(c, 'node abort', 1)
  controller.abort()
  await asked
  await running(c, 'node abort', 0)
})
await check('syntax_error', (c) => refused(rows(c, 'SELEC 1'), '62'))
await check('unknown_table', (c) => refused(rows(c, 'SELECT * FROM nowhere'), '60'))
await check('packed_error', (c) => refused(rows(c, 'SELEC 1'), '62'), { compression: { response: true } })
await check('no_write', (c) => refused(c.command({ query: 'DROP TABLE unified_logs' }), '497'))
await check('time_limit', (c) => refused(rows(c, forever('node limit'), { clickhouse_settings: { max_execution_time: 0.2 } }), '159'))
await check('error_behind_a_begun_answer', async (c) => {
  const answer = await c.query({ query: 'SELECT number, throwIf(number = 700000) FROM numbers(900000)', format: 'JSONEachRow' })
  await assert.rejects(async () => {
    for await (const some of answer.stream()) {
      assert.ok(some)
    }
  })
})
