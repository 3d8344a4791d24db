// What clickhouse-go does over HTTP: `checks URL COMPRESSION`, or `checks URL grafana`. A line for each check: "ok NAME", or "FAILED NAME: why".
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const forever = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, '%s')"

var methods = map[string]clickhouse.CompressionMethod{
	"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "lz4hc": clickhouse.CompressionLZ4HC, "zstd": clickhouse.CompressionZSTD,
	"gzip": clickhouse.CompressionGZIP, "deflate": clickhouse.CompressionDeflate, "br": clickhouse.CompressionBrotli,
}

func options(address, method string, change func(*clickhouse.Options)) *clickhouse.Options {
	parsed, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	chosen := &clickhouse.Options{
		Addr:     []string{parsed.Host},
		Protocol: clickhouse.HTTP,
		Auth:     clickhouse.Auth{Database: "default", Username: "default"},
	}
	if method != "default" {
		chosen.Compression = &clickhouse.Compression{Method: methods[method]}
	}
	if change != nil {
		change(chosen)
	}
	return chosen
}

func main() {
	ctx := context.Background()
	address, method := os.Args[1], os.Args[2]
	if method == "grafana" {
		grafana(address)
		return
	}
	open := func(change func(*clickhouse.Options)) driver.Conn {
		conn, err := clickhouse.Open(options(address, method, change))
		if err != nil {
			panic(err)
		}
		return conn
	}
	conn := open(nil)
	scanned := func(query string, into any, args ...any) error { return conn.QueryRow(ctx, query, args...).Scan(into) }

	check("ping", func() error { return conn.Ping(ctx) })
	check("server_version", func() error {
		version, err := conn.ServerVersion()
		if err != nil {
			return err
		}
		return equal(version.DisplayName, "rvbbit-otel")
	})
	check("one", func() error {
		var one uint8
		return errors.Join(scanned("SELECT 1", &one), equal(one, uint8(1)))
	})
	check("our_rows", func() error {
		rows, err := conn.Query(ctx, "SELECT session_id, count() FROM unified_logs WHERE caller_id = ? GROUP BY 1 ORDER BY 1", "sql-fox")
		if err != nil {
			return err
		}
		var found []string
		for rows.Next() {
			var session string
			var count uint64
			if err := rows.Scan(&session, &count); err != nil {
				return err
			}
			found = append(found, fmt.Sprint(session, " ", count))
		}
		return errors.Join(rows.Err(), equal(found, []string{"s1 4", "s2 2"}))
	})
	check("named_parameters", func() error {
		var text string
		query := "SELECT {text:String}"
		return errors.Join(scanned(query, &text, clickhouse.Named("text", "it's a \\ text")), equal(text, "it's a \\ text"))
	})
	check("query_parameters", func() error {
		var text string
		with := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"text": "it's"}))
		return errors.Join(conn.QueryRow(with, "SELECT {text:String}").Scan(&text), equal(text, "it's"))
	})
	check("select_into_structs", func() error {
		var found []struct {
			SessionID string `ch:"session_id"`
			Count     uint64 `ch:"n"`
		}
		if err := conn.Select(ctx, &found, "SELECT session_id, count() AS n FROM unified_logs GROUP BY 1 ORDER BY 1"); err != nil {
			return err
		}
		return equal(fmt.Sprint(found), "[{s1 4} {s2 2}]")
	})
	check("types", func() error {
		var (
			list  []string
			when  time.Time
			pairs map[string]uint8
			none  *string
			small string
		)
		query := "SELECT ['a', 'b'], toDateTime('2020-06-01 12:00:00'), map('a', toUInt8(1)), CAST(NULL, 'Nullable(String)'), toLowCardinality('x')"
		if err := conn.QueryRow(ctx, query).Scan(&list, &when, &pairs, &none, &small); err != nil {
			return err
		}
		return equal(fmt.Sprintln(list, when.UTC().Format(time.RFC3339), pairs, none == nil, small), "[a b] 2020-06-01T12:00:00Z map[a:1] true x\n")
	})
	check("long_answer", func() error {
		rows, err := conn.Query(ctx, "SELECT number, toString(number) FROM numbers(300000)")
		if err != nil {
			return err
		}
		var count, sum uint64
		for rows.Next() {
			var number uint64
			var text string
			if err := rows.Scan(&number, &text); err != nil {
				return err
			}
			count++
			sum += number
		}
		return errors.Join(rows.Err(), equal([]uint64{count, sum}, []uint64{300000, 44999850000}))
	})
	check("no_rows", func() error {
		rows, err := conn.Query(ctx, "SELECT 1 WHERE 0")
		if err != nil {
			return err
		}
		return errors.Join(equal(rows.Next(), false), rows.Err())
	})
	check("settings", func() error {
		var threads uint64
		with := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_threads": 3}))
		return errors.Join(conn.QueryRow(with, "SELECT toUInt64(getSetting('max_threads'))").Scan(&threads), equal(threads, uint64(3)))
	})
	check("settings_of_the_connection", func() error {
		other := open(func(chosen *clickhouse.Options) {
			chosen.Settings = clickhouse.Settings{"max_threads": 3, "max_execution_time": 20}
		})
		var threads uint64
		return errors.Join(other.QueryRow(ctx, "SELECT toUInt64(getSetting('max_threads'))").Scan(&threads), equal(threads, uint64(3)))
	})
	check("database", func() error {
		other := open(func(chosen *clickhouse.Options) { chosen.Auth.Database = "system" })
		var count uint64
		return errors.Join(other.QueryRow(ctx, "SELECT count() FROM one").Scan(&count), equal(count, uint64(1)))
	})
	check("external_table", func() error {
		table, err := ext.NewTable("wanted", ext.Column("name", "String"), ext.Column("number", "UInt8"))
		if err != nil {
			return err
		}
		if err := table.Append("s2", uint8(7)); err != nil {
			return err
		}
		var count uint64
		with := clickhouse.Context(ctx, clickhouse.WithExternalTable(table))
		err = conn.QueryRow(with, "SELECT count() FROM unified_logs WHERE session_id IN (SELECT name FROM wanted)").Scan(&count)
		return errors.Join(err, equal(count, uint64(2)))
	})
	check("batch", func() error {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO otel_logs_in (Timestamp, Body)")
		if err != nil {
			return err
		}
		for range 1000 {
			if err := batch.Append(time.Now(), "from go"); err != nil {
				return err
			}
		}
		return batch.Send()
	})
	check("database_sql", func() error {
		db := clickhouse.OpenDB(options(address, method, nil))
		defer func() { _ = db.Close() }()
		var found sql.NullString
		if err := db.QueryRow("SELECT session_id FROM unified_logs WHERE caller_id = $1 ORDER BY session_id DESC LIMIT 1", "sql-fox").Scan(&found); err != nil {
			return err
		}
		return equal(found.String, "s2")
	})
	check("kill", func() error {
		said := make(chan error, 1)
		go func() {
			with := clickhouse.Context(ctx, clickhouse.WithQueryID("of-go-"+method))
			said <- conn.QueryRow(with, fmt.Sprintf(forever, "go kill")).Scan(new(uint64))
		}()
		if err := running(conn, "go kill", 1); err != nil {
			return err
		}
		if err := conn.Exec(ctx, "KILL QUERY WHERE query_id = 'of-go-"+method+"' SYNC"); err != nil {
			return err
		}
		return errors.Join(refused(<-said, 394), running(conn, "go kill", 0))
	})
	check("cancelled_context", func() error {
		with, cancel := context.WithCancel(ctx)
		defer cancel()
		said := make(chan error, 1)
		go func() { said <- conn.QueryRow(with, fmt.Sprintf(forever, "go cancel")).Scan(new(uint64)) }()
		if err := running(conn, "go cancel", 1); err != nil {
			return err
		}
		cancel()
		if <-said == nil {
			return errors.New("no error")
		}
		return running(conn, "go cancel", 0)
	})
	check("time_limit", func() error {
		with := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0.2}))
		return refused(conn.QueryRow(with, fmt.Sprintf(forever, "go limit")).Scan(new(uint64)), 159)
	})
	check("syntax_error", func() error { return refused(scanned("SELEC 1", new(uint8)), 62) })
	check("unknown_table", func() error { return refused(scanned("SELECT 1 FROM nowhere", new(uint8)), 60) })
	check("no_file", func() error { return refused(scanned("SELECT file('/etc/passwd')", new(string)), 497) })
	check("no_write", func() error { return refused(conn.Exec(ctx, "DROP TABLE unified_logs"), 497) })
	check("error_behind_a_begun_answer", func() error {
		rows, err := conn.Query(ctx, "SELECT number, throwIf(number = 700000) FROM numbers(900000)")
		if err != nil {
			return nil
		}
		for rows.Next() {
		}
		if rows.Err() == nil {
			return errors.New("no error")
		}
		return nil
	})
}

func check(name string, run func() error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			fmt.Printf("FAILED %s: %v\n", name, panicked)
		}
	}()
	if err := run(); err != nil {
		fmt.Printf("FAILED %s: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	fmt.Println("ok", name)
}

func equal(found, expected any) error {
	if !reflect.DeepEqual(found, expected) {
		return fmt.Errorf("%v is not %v", found, expected)
	}
	return nil
}

func refused(err error, code int) error {
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("Code: %d.", code)) && !strings.Contains(err.Error(), fmt.Sprintf("code: %d,", code)) {
		return fmt.Errorf("not code %d: %v", code, err)
	}
	return nil
}

func running(conn driver.Conn, mark string, count uint64) error {
	query := "SELECT count() FROM system.processes WHERE query LIKE '%" + mark + "%' AND query NOT LIKE '%processes%'"
	for range 1000 {
		var found uint64
		if err := conn.QueryRow(context.Background(), query).Scan(&found); err != nil {
			return err
		}
		if found == count {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("not %d of %s", count, mark)
}
