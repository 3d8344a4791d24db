import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;

/**
 * What DBeaver does by ClickHouse's JDBC driver: {@code java -cp JARS Checks.java URL [PROPERTY=VALUE...]}; with
 * {@code statements=FILE}, those of a file instead. A line for each check: "ok NAME",
 * "unsupported NAME" where the driver itself says that it can't, or "FAILED NAME: why".
 */
public final class Checks {
    private static final String FOREVER = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, '%s')";
    private static String url;
    private static final Properties settings = new Properties();

    private interface Check {
        void run(Connection c) throws Exception;
    }

    private interface Action {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        settings.putAll(Map.of("user", "default", "password", ""));
        for (int i = 1; i < arguments.length; i++) {
            String[] parts = arguments[i].split("=", 2);
            settings.put(parts[0], parts[1]);
        }
        Map<String, Check> checks = new LinkedHashMap<>();
        Object file = settings.remove("statements");
        if (file != null) {
            for (String sql : Files.readString(Path.of((String) file)).split(";\\s*(\n|$)")) {
                checks.put("statement_" + checks.size(), c -> rows(c, sql));
            }
            checks.forEach(Checks::report);
            return;
        }
        connecting(checks);
        values(checks);
        metadata(checks);
        statements(checks);
        databases(checks);
        ending(checks);
        errors(checks);
        dbeaver(checks);
        checks.forEach(Checks::report);
    }

    private static void report(String name, Check check) {
        try (Connection c = DriverManager.getConnection(url, settings)) {
            check.run(c);
            System.out.println("ok " + name);
        } catch (SQLFeatureNotSupportedException | UnsupportedOperationException e) {
            System.out.println("unsupported " + name);
        } catch (Throwable e) {
            System.out.println("FAILED " + name + ": " + String.valueOf(e).replaceAll("\\s+", " "));
        }
    }

    private static void connecting(Map<String, Check> checks) {
        checks.put("product", c -> {
            equal(c.getMetaData().getDatabaseProductName(), "ClickHouse");
            holds(c.getMetaData().getDatabaseMajorVersion() >= 26, c.getMetaData().getDatabaseProductVersion());
        });
        checks.put("is_valid", c -> holds(c.isValid(5), "not valid"));
        checks.put("auto_commit", c -> {
            c.setAutoCommit(true);
            holds(c.getAutoCommit(), "off");
        });
        checks.put("read_only", c -> c.setReadOnly(true));
        checks.put("network_timeout", c -> c.getNetworkTimeout());
    }

    private static void values(Map<String, Check> checks) {
        checks.put("one", c -> equal(rows(c, "SELECT 1"), "[[1]]"));
        checks.put("numbers", c -> equal(rows(c, "SELECT toUInt64(18446744073709551615), toInt8(-1), 1.5, toDecimal64('1.25', 2), true"),
                "[[18446744073709551615, -1, 1.5, 1.25, true]]"));
        checks.put("texts", c -> equal(rows(c, "SELECT 'Zoë', toFixedString('ab', 2), NULL, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')"),
                "[[Zoë, ab, null, 61f0c404-5cb3-11e7-907b-a6006ad3dba0]]"));
        checks.put("collections", c -> equal(rows(c, "SELECT length([1, 2]), map('a', 1)['a'], tuple(1, 'b').2"), "[[2, 1, b]]"));
        checks.put("array", c -> {
            Object[] found = (Object[]) first(c, "SELECT ['a', 'b']", r -> r.getArray(1).getArray());
            equal(Arrays.toString(found), "[a, b]");
        });
        checks.put("date", c -> equal(first(c, "SELECT toDate('2020-01-02')", r -> r.getDate(1)), "2020-01-02"));
        checks.put("timestamp", c -> equal(first(c, "SELECT toDateTime('2020-06-01 12:00:00')", r -> r.getTimestamp(1).toInstant()), "2020-06-01T12:00:00Z"));
        checks.put("timestamp_of_a_zone", c -> equal(
                first(c, "SELECT toDateTime('2020-06-01 12:00:00', 'Asia/Tokyo')", r -> r.getObject(1, java.time.ZonedDateTime.class).toInstant()), "2020-06-01T03:00:00Z"));
        checks.put("long_answer", c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT number, toString(number) FROM numbers(300000)")) {
                long count = 0, sum = 0;
                while (r.next()) {
                    count++;
                    sum += Long.parseLong(r.getString(2));
                }
                equal(count + " " + sum, "300000 44999850000");
            }
        });
        checks.put("nothing", c -> equal(rows(c, "SELECT * FROM unified_logs WHERE 0"), "[]"));
    }

    private static void metadata(Map<String, Check> checks) {
        checks.put("catalogs", c -> rows(c.getMetaData().getCatalogs()));
        checks.put("schemas", c -> contains(column(c.getMetaData().getSchemas(), "TABLE_SCHEM"), "default", "system", "information_schema"));
        checks.put("schemas_by_pattern", c -> equal(column(c.getMetaData().getSchemas(null, "def%"), "TABLE_SCHEM"), "[default]"));
        checks.put("table_types", c -> contains(column(c.getMetaData().getTableTypes(), "TABLE_TYPE"), "TABLE", "VIEW"));
        checks.put("tables", c -> contains(column(c.getMetaData().getTables(null, "default", "%", null), "TABLE_NAME"),
                "unified_logs", "session_state", "cascade_sessions", "otel_traces", "otel_logs"));
        checks.put("tables_by_pattern", c -> equal(column(c.getMetaData().getTables(null, "default", "unified\\_log_", null), "TABLE_NAME"), "[unified_logs]"));
        checks.put("tables_of_types", c -> contains(
                column(c.getMetaData().getTables(null, "default", "%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME"), "unified_logs"));
        checks.put("tables_of_system", c -> contains(column(c.getMetaData().getTables(null, "system", "%", null), "TABLE_NAME"), "one", "tables"));
        checks.put("columns", c -> contains(column(c.getMetaData().getColumns(null, "default", "unified_logs", "%"), "COLUMN_NAME"),
                "caller_id", "session_id", "timestamp", "cost"));
        checks.put("column_types", c -> equal(column(c.getMetaData().getColumns(null, "default", "unified_logs", "cascade_id"), "TYPE_NAME"), "[LowCardinality(String)]"));
        checks.put("columns_of_all", c -> holds(column(c.getMetaData().getColumns(null, null, "%", "%"), "COLUMN_NAME").size() > 500, "few"));
        checks.put("type_info", c -> contains(column(c.getMetaData().getTypeInfo(), "TYPE_NAME"), "String", "UInt64"));
        checks.put("primary_keys", c -> holds(!rows(c.getMetaData().getPrimaryKeys(null, "default", "unified_logs")).isEmpty(), "none"));
        checks.put("imported_keys", c -> rows(c.getMetaData().getImportedKeys(null, "default", "unified_logs")));
        checks.put("exported_keys", c -> rows(c.getMetaData().getExportedKeys(null, "default", "unified_logs")));
        checks.put("cross_reference", c -> rows(c.getMetaData().getCrossReference(null, "default", "unified_logs", null, "default", "otel_traces")));
        checks.put("index_info", c -> rows(c.getMetaData().getIndexInfo(null, "default", "unified_logs", false, true)));
        checks.put("functions", c -> contains(column(c.getMetaData().getFunctions(null, null, "%"), "FUNCTION_NAME"), "count", "toString"));
        checks.put("function_columns", c -> rows(c.getMetaData().getFunctionColumns(null, null, "%", "%")));
        checks.put("procedures", c -> equal(rows(c.getMetaData().getProcedures(null, null, "%")), "[]"));
        checks.put("best_row_identifier", c -> rows(c.getMetaData().getBestRowIdentifier(null, "default", "unified_logs", 0, true)));
        checks.put("version_columns", c -> rows(c.getMetaData().getVersionColumns(null, "default", "unified_logs")));
        checks.put("user_types", c -> rows(c.getMetaData().getUDTs(null, null, "%", null)));
        checks.put("client_info", c -> rows(c.getMetaData().getClientInfoProperties()));
        checks.put("table_privileges", c -> rows(c.getMetaData().getTablePrivileges(null, "default", "%")));
        checks.put("column_privileges", c -> rows(c.getMetaData().getColumnPrivileges(null, "default", "unified_logs", "%")));
        checks.put("columns_of_an_answer", c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT * FROM unified_logs LIMIT 0")) {
                holds(r.getMetaData().getColumnCount() > 10, "few");
            }
        });
    }

    private static void statements(Map<String, Check> checks) {
        checks.put("prepared", c -> {
            try (PreparedStatement p = c.prepareStatement("SELECT ?, ? + 1, ?, ?")) {
                p.setString(1, "it's a \\ \n text, a ? and {x:String}");
                p.setLong(2, 41);
                p.setDate(3, java.sql.Date.valueOf("2020-01-02"));
                p.setNull(4, Types.VARCHAR);
                try (ResultSet r = p.executeQuery()) {
                    r.next();
                    equal(r.getString(1) + "|" + r.getLong(2) + "|" + r.getString(3).substring(0, 10) + "|" + r.getString(4),
                            "it's a \\ \n text, a ? and {x:String}|42|2020-01-02|null");
                }
            }
        });
        checks.put("prepared_twice", c -> {
            try (PreparedStatement p = c.prepareStatement("SELECT session_id, count() FROM unified_logs WHERE caller_id = ? AND session_id LIKE ? GROUP BY 1")) {
                for (String session : List.of("s1", "s2")) {
                    p.setString(1, "sql-fox");
                    p.setString(2, session);
                    try (ResultSet r = p.executeQuery()) {
                        equal(rows(r), session.equals("s1") ? "[[s1, 4]]" : "[[s2, 2]]");
                    }
                }
            }
        });
        checks.put("prepared_metadata", c -> {
            try (PreparedStatement p = c.prepareStatement("SELECT caller_id, cost FROM unified_logs WHERE caller_id = ?")) {
                equal(p.getParameterMetaData().getParameterCount() + " " + p.getMetaData().getColumnCount(), "1 2");
                equal(p.getMetaData().getColumnName(1), "caller_id");
            }
        });
        checks.put("max_rows", c -> {
            try (Statement s = c.createStatement()) {
                s.setMaxRows(200);
                try (ResultSet r = s.executeQuery("SELECT number FROM numbers(100000) SETTINGS max_block_size = 200")) {
                    // Release 0.8 lets the server end "about there", at the end of a block.
                    int found = rows(r).size();
                    holds(found >= 200 && found < 1000, found + " rows");
                }
            }
        });
        checks.put("large_max_rows", c -> {
            try (Statement s = c.createStatement()) {
                s.setLargeMaxRows(10);
                try (ResultSet r = s.executeQuery("SELECT number FROM numbers(100000)")) {
                    equal(rows(r).size(), 10);
                }
            }
        });
        checks.put("fetch_size", c -> {
            try (Statement s = c.createStatement()) {
                s.setFetchSize(200);
                try (ResultSet r = s.executeQuery("SELECT number FROM numbers(1000)")) {
                    equal(rows(r).size(), 1000);
                }
            }
        });
        checks.put("two_at_once", c -> {
            try (Statement a = c.createStatement(); Statement b = c.createStatement();
                    ResultSet x = a.executeQuery("SELECT number FROM numbers(100000)"); ResultSet y = b.executeQuery("SELECT number FROM numbers(100000)")) {
                long count = 0;
                while (x.next() && y.next() && x.getLong(1) == y.getLong(1)) {
                    count++;
                }
                equal(count, 100000);
            }
        });
        checks.put("one_after_another", c -> {
            try (Statement s = c.createStatement()) {
                for (int i = 0; i < 20; i++) {
                    try (ResultSet r = s.executeQuery("SELECT " + i)) {
                        equal(rows(r), "[[" + i + "]]");
                    }
                }
            }
        });
        checks.put("comments", c -> equal(rows(c, "/* a */ SELECT 1 -- b\n;"), "[[1]]"));
        checks.put("format_of_its_own", c -> equal(rows(c, "SELECT 1 AS x FORMAT RowBinaryWithNamesAndTypes"), "[[1]]"));
        checks.put("explain", c -> holds(rows(c, "EXPLAIN SELECT count() FROM unified_logs").size() > 1, "short"));
        checks.put("explain_plan", c -> holds(rows(c, "EXPLAIN indexes = 1 SELECT count() FROM unified_logs").size() > 1, "short"));
        checks.put("explain_pipeline", c -> holds(rows(c, "EXPLAIN PIPELINE SELECT count() FROM unified_logs").size() > 1, "short"));
        checks.put("describe", c -> holds(rows(c, "DESCRIBE TABLE unified_logs").size() > 10, "short"));
        checks.put("show_tables", c -> contains(rows(c, "SHOW TABLES").toString(), "unified_logs"));
        checks.put("show_databases", c -> contains(rows(c, "SHOW DATABASES").toString(), "default", "system"));
        checks.put("show_create", c -> contains(rows(c, "SHOW CREATE TABLE unified_logs").toString(), "CREATE TABLE"));
        checks.put("settings_in_the_text", c -> equal(rows(c, "SELECT getSetting('max_threads') SETTINGS max_threads = 3"), "[[3]]"));
        checks.put("set", c -> equal(executed(c, "SET max_threads = 2"), false));
    }

    private static void databases(Map<String, Check> checks) {
        checks.put("set_schema", c -> {
            c.setSchema("system");
            equal(c.getSchema() + rows(c, "SELECT currentDatabase(), count() FROM one"), "system[[system, 1]]");
        });
        checks.put("set_schema_to_information_schema", c -> {
            c.setSchema("information_schema");
            equal(rows(c, "SELECT table_name FROM tables WHERE table_schema = 'default' AND table_name = 'unified_logs'"), "[[unified_logs]]");
        });
        checks.put("database_of_the_url", c -> {
            try (Connection d = DriverManager.getConnection(url + "system", settings)) {
                equal(rows(d, "SELECT currentDatabase(), count() FROM one"), "[[system, 1]]");
            }
        });
        checks.put("use", c -> equal(executed(c, "USE system"), false));
    }

    private static void ending(Map<String, Check> checks) {
        checks.put("cancel", c -> {
            try (Statement s = c.createStatement()) {
                Future<String> said = asked(s, "cancel me");
                running(c, "cancel me", 1);
                s.cancel();
                contains(said.get(20, TimeUnit.SECONDS), "QUERY_WAS_CANCELLED");
                running(c, "cancel me", 0);
            }
        });
        checks.put("cancel_leaves_others_alone", c -> {
            try (Statement s = c.createStatement(); Statement other = c.createStatement()) {
                Future<String> first = asked(s, "cancel this"), second = asked(other, "leave this");
                running(c, "cancel this", 1);
                running(c, "leave this", 1);
                s.cancel();
                contains(first.get(20, TimeUnit.SECONDS), "QUERY_WAS_CANCELLED");
                running(c, "leave this", 1);
                other.cancel();
                contains(second.get(20, TimeUnit.SECONDS), "QUERY_WAS_CANCELLED");
            }
        });
        checks.put("cancel_of_what_has_ended", c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT 1")) {
                s.cancel();
            }
        });
        checks.put("time_limit_below_a_second", c -> {
            refused(159, () -> rows(c, String.format(FOREVER, "too long") + " SETTINGS max_execution_time = 0.2"));
        });
    }

    private static void errors(Map<String, Check> checks) {
        checks.put("syntax_error", c -> refused(62, () -> rows(c, "SELEC 1")));
        checks.put("unknown_table", c -> refused(60, () -> rows(c, "SELECT * FROM no_such_table")));
        checks.put("unknown_column", c -> refused(47, () -> rows(c, "SELECT no_such_column FROM unified_logs")));
        checks.put("error_behind_a_begun_answer", c -> {
            try {
                rows(c, "SELECT throwIf(number = 900000, 'too far') FROM numbers(1000000) SETTINGS max_block_size = 1000");
            } catch (SQLException | RuntimeException e) {
                return;
            }
            throw new Exception("no error");
        });
        checks.put("no_file", c -> refused(497, () -> rows(c, "SELECT file('/etc/passwd')")));
        checks.put("no_drop", c -> refused(497, () -> executed(c, "DROP TABLE unified_logs")));
        checks.put("no_insert_of_values", c -> refused(497, () -> executed(c, "INSERT INTO otel_logs_in (Body) VALUES ('x')")));
        checks.put("after_an_error", c -> {
            refused(62, () -> rows(c, "SELEC 1"));
            equal(rows(c, "SELECT 1"), "[[1]]");
        });
    }

    private static void dbeaver(Map<String, Check> checks) {
        checks.put("data_of_a_table", c -> equal(rows(c, "SELECT t.session_id FROM `default`.unified_logs t WHERE t.caller_id = 'sql-fox' "
                + "ORDER BY t.session_id DESC LIMIT 0, 200"), "[[s2], [s2], [s1], [s1], [s1], [s1]]"));
        checks.put("count_of_rows", c -> equal(rows(c, "SELECT count(*) FROM `default`.unified_logs"), "[[6]]"));
        checks.put("list_of_databases", c -> contains(rows(c, "SELECT * FROM system.databases").toString(), "default"));
        checks.put("list_of_tables", c -> contains(rows(c, "SELECT * FROM system.tables WHERE database = 'default'").toString(), "unified_logs"));
        checks.put("sizes_of_tables", c -> contains(rows(c, "SELECT database, table, sum(bytes) AS size, sum(rows) AS rows, max(modification_time), min(min_date), "
                + "max(max_date), any(engine) FROM system.parts WHERE active AND database = 'default' GROUP BY database, table").toString(), "unified_logs"));
        checks.put("list_of_sessions", c -> contains(rows(c, "SELECT query FROM system.processes").toString(), "system.processes"));
        checks.put("list_of_dictionaries", c -> rows(c, "SELECT * FROM system.dictionaries"));
        checks.put("list_of_engines", c -> contains(rows(c, "SELECT name FROM system.table_engines").toString(), "MergeTree"));
        checks.put("list_of_settings", c -> contains(rows(c, "SELECT name FROM system.settings").toString(), "max_threads"));
        checks.put("acceptance", c -> equal(rows(c, "SELECT caller_id, COUNT(*) as row_count, COUNT(DISTINCT session_id) as session_count FROM unified_logs "
                + "WHERE caller_id LIKE 'sql-%' AND timestamp > now() - INTERVAL 1 DAY GROUP BY caller_id"), "[[sql-fox, 6, 2]]"));
    }

    private static Future<String> asked(Statement s, String mark) {
        CompletableFuture<String> said = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try (ResultSet r = s.executeQuery(String.format(FOREVER, mark))) {
                said.complete("an answer");
            } catch (SQLException e) {
                said.complete(String.valueOf(e.getMessage()));
            }
        });
        thread.setDaemon(true);
        thread.start();
        return said;
    }

    /** Waits until so many questions with this mark are in the engine. */
    private static void running(Connection c, String mark, int count) throws Exception {
        String asked = "SELECT count() FROM system.processes WHERE query LIKE '%" + mark + "%' AND query NOT LIKE '%processes%'";
        for (int i = 0; !rows(c, asked).toString().equals("[[" + count + "]]"); i++) {
            holds(i < 1000, "not " + count + " of " + mark);
            Thread.sleep(10);
        }
    }

    private interface Reader {
        Object of(ResultSet r) throws SQLException;
    }

    private static Object first(Connection c, String sql, Reader reader) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            r.next();
            return reader.of(r);
        }
    }

    private static boolean executed(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            return s.execute(sql);
        }
    }

    private static List<List<Object>> rows(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            return rows(r);
        }
    }

    private static List<List<Object>> rows(ResultSet r) throws SQLException {
        List<List<Object>> all = new ArrayList<>();
        int count = r.getMetaData().getColumnCount();
        while (r.next()) {
            List<Object> one = new ArrayList<>();
            for (int i = 1; i <= count; i++) {
                one.add(r.getObject(i));
            }
            all.add(one);
        }
        return all;
    }

    private static List<String> column(ResultSet r, String name) throws SQLException {
        List<String> all = new ArrayList<>();
        while (r.next()) {
            all.add(r.getString(name));
        }
        return all;
    }

    /** Fails unless the action is refused with the engine's code. */
    private static void refused(int code, Action action) throws Exception {
        try {
            action.run();
        } catch (SQLTimeoutException e) {
            equal(159, code); // Some releases word this one themselves.
            return;
        } catch (SQLException e) {
            contains(String.valueOf(e.getMessage()), "Code: " + code + ".");
            return;
        }
        throw new Exception("no error");
    }

    private static void equal(Object found, Object expected) throws Exception {
        holds(String.valueOf(found).equals(String.valueOf(expected)), found + " is not " + expected);
    }

    private static void contains(Collection<String> found, String... expected) throws Exception {
        holds(found.containsAll(List.of(expected)), List.of(expected) + " are not all in " + found);
    }

    private static void contains(String found, String... expected) throws Exception {
        for (String each : expected) {
            holds(found.contains(each), each + " is not in " + found);
        }
    }

    private static void holds(boolean condition, String otherwise) throws Exception {
        if (!condition) {
            throw new Exception(otherwise);
        }
    }
}
