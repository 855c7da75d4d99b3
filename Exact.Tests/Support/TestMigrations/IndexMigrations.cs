using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Support.TestMigrations;

/// <summary>A table, and an index on it that is built concurrently; building it calls a function that takes its time.</summary>
[Scenario("index")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990201000001_Readings")]
internal sealed class Readings : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql("CREATE TABLE readings (value int)");
        migrationBuilder.Sql("INSERT INTO readings SELECT generate_series(1, 1000)");
        migrationBuilder.Sql(
            """
            CREATE FUNCTION slowly(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN PERFORM pg_sleep(0.002); RETURN value; END'
            """
        );
    }
}

[Scenario("index")]
[DbContext(typeof(ExactDbContext))]
[Migration("20990201000002_ReadingsIndex")]
internal sealed class ReadingsIndex : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder
            .CreateIndex("ix_readings", "readings", "value", filter: "slowly(value) > 0")
            .Annotation("Npgsql:CreatedConcurrently", true);
    }
}
