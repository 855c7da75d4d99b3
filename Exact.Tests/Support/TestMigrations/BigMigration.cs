using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Support.TestMigrations;

/// <summary>Needs about 100 MB.</summary>
[Scenario("big")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990301000005_Big")]
internal sealed class Big : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.Sql("CREATE TABLE big AS SELECT i, repeat('x', 1000) AS x FROM generate_series(1, 100000) i");
}
