SELECT 'function' AS kind, name, concat(toString(case_insensitive), toString(ifNull(higher_order, NOT is_aggregate))) AS more FROM system.functions
UNION ALL
SELECT 'combinator', name, '' FROM system.aggregate_function_combinators
UNION ALL
SELECT 'table function', name, '' FROM system.table_functions
UNION ALL
SELECT 'system table', name, '' FROM system.tables WHERE database = 'system'
UNION ALL
SELECT 'zone', time_zone, '' FROM system.time_zones
UNION ALL
SELECT 'format', name, content_type FROM system.formats WHERE is_output
