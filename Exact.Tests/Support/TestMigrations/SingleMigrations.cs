using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Support.TestMigrations;

/// <summary>Takes ACCESS EXCLUSIVE on a table of the product.</summary>
[Scenario("alter")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990301000001_AlterScores")]
internal sealed class AlterScores : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.Sql("ALTER TABLE scores ADD COLUMN altered int");
}

/// <summary>Holds the lock for a while.</summary>
[Scenario("slow")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990301000002_Slow")]
internal sealed class Slow : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE");
        migrationBuilder.Sql($"SELECT pg_sleep({Scenario.Seconds})");
    }
}

/// <summary>Two operations of which one cannot be in a transaction: half of it could not be tried again.</summary>
[Scenario("mixed")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990301000003_Mixed")]
internal sealed class Mixed : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql("CREATE TABLE mixed (id int)");
        migrationBuilder.CreateIndex("ix_mixed", "mixed", "id").Annotation("Npgsql:CreatedConcurrently", true);
    }
}

/// <summary>The same migration before and after somebody edited it: <see cref="Scenario.Seconds"/> is in its SQL.</summary>
[Scenario("edited")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990301000004_Edited")]
internal sealed class Edited : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.Sql($"SELECT pg_sleep({Scenario.Seconds})");
}
