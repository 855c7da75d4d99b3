using Exact.Infrastructure.Migrating.Linting;
using Exact.Tests.Support;

namespace Exact.Tests.Migrating;

/// <summary>
/// What the linter knows by heart of when PostgreSQL rewrites a table, held against what PostgreSQL does.
/// </summary>
public sealed class RewriteTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private const string Node = "SELECT pg_relation_filenode('rewritten')::bigint";

    private const string Nodes =
        "SELECT string_agg(relfilenode::text, ' ' ORDER BY relname) FROM pg_class WHERE relname LIKE 'widened%'";

    [Theory]
    [InlineData("character varying(10)", "character varying(20)")]
    [InlineData("character varying(10)", "varchar")]
    [InlineData("varchar(10)", "text")]
    [InlineData("text", "character varying")]
    [InlineData("text", "varchar(10)")]
    [InlineData("varchar(20)", "varchar(10)")]
    [InlineData("varchar(10)", "varchar(10)")]
    [InlineData("char(5)", "char(10)")]
    [InlineData("char(5)", "text")]
    [InlineData("numeric(10,2)", "numeric(12,2)")]
    [InlineData("decimal(10, 2)", "numeric")]
    [InlineData("numeric(10,2)", "numeric(12,3)")]
    [InlineData("numeric(12,2)", "numeric(10,2)")]
    [InlineData("numeric", "numeric(10,2)")]
    [InlineData("smallint", "integer")]
    [InlineData("int", "int4")]
    [InlineData("integer", "bigint")]
    [InlineData("integer", "numeric")]
    [InlineData("real", "double precision")]
    [InlineData("timestamp(3) with time zone", "timestamp(6) with time zone")]
    [InlineData("timestamptz(3)", "timestamp with time zone")]
    [InlineData("timestamptz", "timestamptz(3)")]
    [InlineData("timestamp(3)", "timestamp(6) without time zone")]
    [InlineData("time(3)", "time")]
    [InlineData("timetz(3)", "time with time zone")]
    [InlineData("interval(3)", "interval")]
    [InlineData("date", "timestamp")]
    [InlineData("varbit(5)", "bit varying(10)")]
    [InlineData("bit(5)", "varbit(5)")]
    [InlineData("json", "jsonb")]
    [InlineData("json", "text")]
    [InlineData("cidr", "inet")]
    [InlineData("inet", "cidr")]
    [InlineData("uuid", "text")]
    [InlineData("varchar(10)[]", "varchar(20)[]")]
    public async Task A_type_widens_exactly_if_PostgreSQL_keeps_table_and_index(string from, string to)
    {
        var index = from == "json" ? "" : "CREATE INDEX widened_index ON widened (value);";
        await database.ExecuteAsync($"DROP TABLE IF EXISTS widened; CREATE TABLE widened (value {from}); {index}");
        var before = await database.ScalarAsync<string>(Nodes);

        await database.ExecuteAsync($"ALTER TABLE widened ALTER COLUMN value TYPE {to}");

        var kept = before == await database.ScalarAsync<string>(Nodes);
        Assert.Equal(kept, ColumnType.Parse(from).WidensTo(ColumnType.Parse(to)));
    }

    [Theory]
    [InlineData("timestamptz", "now()")]
    [InlineData("timestamptz", "CURRENT_TIMESTAMP")]
    [InlineData("timestamptz", "clock_timestamp()")]
    [InlineData("uuid", "gen_random_uuid()")]
    [InlineData("double precision", "random() * 2")]
    [InlineData("text", "lower('random()')")]
    [InlineData("text", "current_setting('application_name')")]
    [InlineData("text", "timeofday()")]
    [InlineData("bigint", "nextval('scores_id_seq')")]
    [InlineData("numeric(10,2)", "1::numeric(10,2)")]
    [InlineData("jsonb", "jsonb_build_object('a', 1)")]
    public async Task A_default_is_volatile_exactly_if_PostgreSQL_rewrites_the_table(string type, string sql)
    {
        await database.ExecuteAsync("DROP TABLE IF EXISTS rewritten; CREATE TABLE rewritten (id bigint)");
        var before = await database.ScalarAsync<long>(Node);

        await database.ExecuteAsync($"ALTER TABLE rewritten ADD COLUMN added {type} DEFAULT {sql}");

        Assert.Equal(before != await database.ScalarAsync<long>(Node), ColumnDefault.IsVolatile(sql));
    }
}
