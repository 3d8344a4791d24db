package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// What Grafana's data source does when it is told to use HTTP: the same client, by database/sql, gzip, its row limit as a setting, its own queries.
func grafana(address string) {
	ctx := context.Background()
	db := clickhouse.OpenDB(options(address, "gzip", func(chosen *clickhouse.Options) {
		chosen.Settings = clickhouse.Settings{"limit": 1000}
		chosen.HttpHeaders = map[string]string{"X-Grafana-User": "admin"}
		chosen.ClientInfo = clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{"grafana", "12.4.0"}, {"clickhouse-datasource", "4.11.0"}}}
		chosen.DialTimeout = 10 * time.Second
		chosen.ReadTimeout = 60 * time.Second
	}))
	table := func(ctx context.Context, query string) (string, error) {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return "", err
		}
		defer func() { _ = rows.Close() }()
		types, err := rows.ColumnTypes()
		if err != nil {
			return "", err
		}
		found := ""
		for rows.Next() {
			values, into := make([]any, len(types)), make([]any, len(types))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return "", err
			}
			found += fmt.Sprintln(values...)
		}
		return found, rows.Err()
	}
	gives := func(name, query, expected string) {
		check(name, func() error {
			found, err := table(ctx, query)
			return errors.Join(err, equal(found, expected))
		})
	}
	answers := func(name, query string) {
		check(name, func() error {
			found, err := table(ctx, query)
			return errors.Join(err, equal(len(found) > 0, true))
		})
	}

	check("ping", func() error { return db.PingContext(ctx) })
	answers("version", "SELECT version()")
	answers("databases", "SHOW DATABASES")
	answers("tables", "SHOW TABLES FROM default")
	answers("columns", "DESC TABLE default.unified_logs")
	answers("tables_by_system", "SELECT name FROM system.tables WHERE database = 'default' AND is_temporary = 0")
	gives("table", "SELECT session_id, count() FROM unified_logs GROUP BY session_id ORDER BY session_id", "s1 4\ns2 2\n")
	check("row_limit", func() error {
		found, err := table(ctx, "SELECT count() FROM (SELECT number FROM numbers(5000) LIMIT 5000)")
		if err != nil {
			return err
		}
		var rows int
		for answer, err := db.QueryContext(ctx, "SELECT number FROM numbers(5000)"); ; {
			if err != nil {
				return err
			}
			for answer.Next() {
				rows++
			}
			return errors.Join(answer.Err(), equal(rows, 1000), equal(found, "5000\n"))
		}
	})
	// As its macros $__timeFilter, $__timeInterval and $__timeFilter_ms are written out.
	now := time.Now().Unix()
	gives("time_series", fmt.Sprintf("SELECT toUInt8(count() > 0) FROM (SELECT toStartOfInterval(toDateTime(timestamp), INTERVAL 60 second) AS time, "+
		"count() FROM unified_logs WHERE timestamp >= toDateTime(%d) AND timestamp <= toDateTime(%d) GROUP BY time ORDER BY time)", now-7200, now+7200), "1\n")
	gives("time_series_ms", fmt.Sprintf("SELECT count() FROM unified_logs WHERE timestamp >= fromUnixTimestamp64Milli(%d) AND timestamp <= "+
		"fromUnixTimestamp64Milli(%d)", (now-7200)*1000, (now+7200)*1000), "6\n")
	answers("traces", "SELECT TraceId AS traceID, SpanId AS spanID, ParentSpanId AS parentSpanID, ServiceName AS serviceName, SpanName AS operationName, "+
		"multiply(toUnixTimestamp64Nano(Timestamp), 0.000001) AS startTime, multiply(Duration, 0.000001) AS duration, "+
		"arrayMap(key -> map('key', key, 'value', SpanAttributes[key]), mapKeys(SpanAttributes)) AS tags FROM otel_traces LIMIT 1000")
	check("zone_of_the_user", func() error {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			return err
		}
		found, err := table(clickhouse.Context(ctx, clickhouse.WithUserLocation(zone)), "SELECT toDateTime('2020-06-01 12:00:00')")
		return errors.Join(err, equal(found, "2020-06-01 14:00:00 +0200 CEST\n"))
	})
	check("error", func() error {
		_, err := table(ctx, "SELECT * FROM nowhere")
		return refused(err, 60)
	})
}
