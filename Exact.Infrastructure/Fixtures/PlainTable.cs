namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// A table to which nothing belongs, and on which nothing depends, but what its definition says: columns, constraints, indexes and the sequence of its
/// key. Who gave it rights, a comment, a trigger, a view, or a foreign key that refers to it, wants to find it as it is.
/// </summary>
internal static class PlainTable
{
    /// <summary>The condition, in SQL, that a table is one, and belongs to this role.</summary>
    public static string Condition(string table) =>
        $"""
            (
                WITH the AS (SELECT '{table}'::regclass::oid AS id),
                own AS (
                    SELECT id FROM the
                    UNION ALL SELECT indexrelid FROM pg_index JOIN the ON indrelid = id
                    UNION ALL SELECT pg_get_serial_sequence('{table}', 'id')::regclass::oid
                ),
                rule AS (SELECT c.* FROM pg_constraint c JOIN the ON conrelid = id)
                SELECT NOT EXISTS (
                    SELECT FROM own LEFT JOIN pg_class c ON c.oid = own.id
                    WHERE c.oid IS NULL OR relkind NOT IN ('r', 'i', 'S') OR relpersistence <> 'p' OR relispartition OR reloftype <> 0
                    OR pg_get_userbyid(relowner) <> current_user
                    OR relacl <> acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
                    OR relrowsecurity OR relforcerowsecurity OR relreplident NOT IN ('d', 'n')
                    OR reloptions IS NOT NULL OR reltablespace <> 0
                    OR (relkind = 'r' AND NOT has_schema_privilege(relnamespace, 'CREATE'))
                    OR (relkind = 'S' AND relname <> '{table}_id_seq')
                )
                AND NOT EXISTS (
                    SELECT FROM own JOIN pg_attribute ON attrelid = own.id
                    WHERE attnum > 0 AND NOT attisdropped
                    AND (attacl IS NOT NULL OR attoptions IS NOT NULL OR attstattarget >= 0)
                )
                AND NOT EXISTS (
                    SELECT FROM pg_index JOIN the ON indrelid = id
                    WHERE NOT indisvalid OR indisclustered OR indisreplident
                )
                AND NOT EXISTS (
                    SELECT FROM rule
                    WHERE NOT convalidated OR (contype = 'f' AND NOT has_table_privilege(confrelid, 'REFERENCES'))
                )
                AND NOT EXISTS (SELECT FROM pg_trigger JOIN the ON tgrelid = id WHERE tgenabled <> 'O')
                AND NOT EXISTS (
                    SELECT FROM pg_description
                    WHERE (classoid = 'pg_class'::regclass AND objoid IN (SELECT id FROM own) AND objsubid = 0)
                    OR (classoid = 'pg_constraint'::regclass AND objoid IN (SELECT oid FROM rule))
                )
                AND NOT EXISTS (SELECT FROM pg_seclabel WHERE objoid IN (SELECT id FROM own))
                AND NOT EXISTS (
                    SELECT FROM pg_depend
                    WHERE refclassid = 'pg_class'::regclass AND refobjid IN (SELECT id FROM own)
                    AND NOT (classid = 'pg_class'::regclass AND (objid IN (SELECT id FROM own) OR deptype = 'i'))
                    AND NOT (classid IN ('pg_type'::regclass, 'pg_attrdef'::regclass) AND deptype IN ('a', 'i'))
                    AND NOT (classid = 'pg_constraint'::regclass AND objid IN (SELECT oid FROM rule))
                )
                AND NOT EXISTS (
                    SELECT FROM pg_depend JOIN pg_type t ON t.oid = refobjid
                    JOIN pg_class c ON t.oid = c.reltype OR t.typelem = c.reltype JOIN the ON the.id = c.oid
                    WHERE refclassid = 'pg_type'::regclass AND deptype <> 'i'
                )
                AND NOT EXISTS (
                    SELECT FROM pg_depend
                    WHERE classid = 'pg_class'::regclass AND objid IN (SELECT id FROM own) AND deptype IN ('e', 'x')
                )
                -- What would come to a new table by itself.
                AND NOT EXISTS (SELECT FROM pg_publication)
                AND NOT EXISTS (SELECT FROM pg_default_acl)
            )
            """;
}
