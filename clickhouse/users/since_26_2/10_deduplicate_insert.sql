-- Of server 26.2 and newer only, where `insert_deduplicate` says nothing any more: see 10_collector.sql. An older one does not know the setting.
ALTER SETTINGS PROFILE rvbbit_collector ADD SETTING deduplicate_insert = 'disable' CONST;
