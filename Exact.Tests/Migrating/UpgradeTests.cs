using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Migrating;

/// <summary>Every earlier schema can be upgraded to the one of a fresh database.</summary>
public sealed class UpgradeTests(MigratedDatabase fresh) : IClassFixture<MigratedDatabase>
{
    public static TheoryData<string> Migrations
    {
        get
        {
            using var context = new DesignTimeContext().CreateDbContext([]);
            return [.. context.Database.GetMigrations()];
        }
    }

    [Theory]
    [MemberData(nameof(Migrations))]
    public async Task A_database_of_an_earlier_version_becomes_a_fresh_one(string earlier)
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using (var context = MigratedTemplate.CreateContext(database.ConnectionString))
        {
            await context.GetService<IMigrator>().MigrateAsync(earlier, TestContext.Current.CancellationToken);
        }

        await using var migrate = await ExactProcess.RunAsync(database.ConnectionString, "migrate");

        Assert.Equal(0, await migrate.WaitForExitAsync());
        Assert.Equal(await Catalog.ReadAsync(fresh), await Catalog.ReadAsync(database));
    }
}
