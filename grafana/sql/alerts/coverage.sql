-- In percent; nothing stored is nothing uncovered.
SELECT if(count() = 0, 100, 100 * countIf(caller_source != 'none') / count()) AS coverage FROM unified_logs WHERE $__timeFilter(timestamp)
