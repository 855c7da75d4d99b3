namespace Exact.Infrastructure.Database;

/// <summary>PostgreSQL's estimate of a table's rows, because counting takes long.</summary>
internal static class RowEstimate
{
    /// <summary>An expression over <c>pg_class c</c>. Null if nothing is known: never analyzed, or counted before a crash.</summary>
    public const string Sql = """
        CASE WHEN c.relkind = 'r' AND pg_relation_size(c.oid) = 0 THEN 0
            WHEN c.reltuples >= 0 OR pg_stat_get_live_tuples(c.oid) > 0
            THEN greatest(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid)) END
        """;
}
