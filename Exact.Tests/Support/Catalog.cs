using Exact.Infrastructure.Migrating.Drift;

namespace Exact.Tests.Support;

/// <summary>What PostgreSQL's catalog says about all tables of a database, as lines that can be compared.</summary>
internal static class Catalog
{
    public static async Task<IReadOnlyList<string>> ReadAsync(TestDatabase database)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        var tables = await database.ScalarAsync<string[]>(
            "SELECT array_agg(tablename::text) FROM pg_tables WHERE schemaname = 'public'"
        );
        var elements = await SchemaCatalog.ReadAsync(connection, tables ?? [], TimeSpan.FromSeconds(10), default);
        return [.. elements.Select(element => element.ToString())];
    }
}
