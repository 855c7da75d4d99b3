using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Support.TestMigrations;

/// <summary>
/// Five migrations that cannot run twice, and that count themselves: each appends to a table without a key, so that one
/// that was applied twice stands there twice, whatever the history says.
/// </summary>
internal abstract class LedgerMigration(int number) : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql($"CREATE TABLE ledger_{number} (id int)");
        migrationBuilder.Sql($"INSERT INTO ledger (migration, backend) VALUES ({number}, pg_backend_pid())");
        migrationBuilder.Sql($"SELECT pg_sleep({Scenario.Seconds})");
    }
}

[Scenario("ledger")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990101000001_Ledger1")]
internal sealed class Ledger1() : LedgerMigration(1)
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql("CREATE TABLE seeds (id int)");
        migrationBuilder.Sql("CREATE TABLE ledger (migration int, backend int)");
        base.Up(migrationBuilder);
    }
}

[Scenario("ledger")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990101000002_Ledger2")]
internal sealed class Ledger2() : LedgerMigration(2);

[Scenario("ledger")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990101000003_Ledger3")]
internal sealed class Ledger3() : LedgerMigration(3);

[Scenario("ledger")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990101000004_Ledger4")]
internal sealed class Ledger4() : LedgerMigration(4);

[Scenario("ledger")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990101000005_Ledger5")]
internal sealed class Ledger5() : LedgerMigration(5);

/// <summary>A migration that PostgreSQL refuses, after the ledger's.</summary>
[Scenario("failing")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990101000006_Failing")]
internal sealed class Failing : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.Sql("CREATE TABLE half_done (id int); SELECT no_such_column FROM half_done");
}
