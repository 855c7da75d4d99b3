using System.Globalization;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Rules for changing rows: in batches, in their own migration, and to fixed values.</summary>
internal static class DataRules
{
    private static readonly TimeSpan SameDay = TimeSpan.FromDays(1); // in any time zone

    public static readonly LintRule[] All =
    [
        LintRule.Whole("unbatched-backfill", Unbatched),
        LintRule.Whole("backfill-with-schema-change", WithSchemaChange),
        LintRule.Whole("nondeterministic-data", FromTheClock),
    ];

    private static IEnumerable<Violation> Unbatched(LintedMigration migration) =>
        from operation in migration.Operations.OfType<SqlOperation>()
        where ChangesRows(operation, migration)
        select new Violation(
            "Every changed row stays locked until the last one is changed.",
            SafeForm.Migrate(SafeSql.Batch(operation))
        )
        {
            Operation = operation,
        };

    private static IEnumerable<Violation> WithSchemaChange(LintedMigration migration)
    {
        var data = migration.Operations.Where(operation => ChangesRows(operation, migration)).ToList();
        var schema = migration.Operations.Where(operation => ChangesSchema(operation, migration)).ToList();
        if (data.Count == 0 || schema.Count == 0)
        {
            yield break;
        }

        yield return new Violation(
            "The schema change locks its table until the rows are changed too.",
            SafeForm.Migrate([
                SafeMigration.Of([.. migration.Operations.Except(data)]),
                .. data.OfType<SqlOperation>().Select(SafeSql.Batch),
                .. data.Where(operation => operation is not SqlOperation)
                    .Select(operation => SafeMigration.Of(operation)),
            ])
        )
        {
            Operation = data[0],
        };
    }

    // HasData(… = DateTime.UtcNow) differs at each "dotnet ef migrations add", which then updates the row again. A time
    // that a person wrote has no fractions of a second.
    private static IEnumerable<Violation> FromTheClock(LintedMigration migration)
    {
        if (
            migration.Id.Length < 14
            || !DateTime.TryParseExact(
                migration.Id[..14],
                "yyyyMMddHHmmss",
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                out var written
            )
        )
        {
            yield break;
        }

        foreach (var operation in migration.Operations)
        {
            var values = operation switch
            {
                InsertDataOperation insert => insert.Values,
                UpdateDataOperation update => update.Values,
                _ => new object?[0, 0],
            };
            foreach (var value in values)
            {
                DateTimeOffset? moment = value switch
                {
                    DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
                    DateTimeOffset time => time,
                    _ => null,
                };
                if (
                    moment is { } clock
                    && clock.Ticks % TimeSpan.TicksPerSecond != 0
                    && (clock - written).Duration() < SameDay
                )
                {
                    yield return new Violation(
                        "The value is the time at which the migration was written, so each new migration changes it.",
                        SafeForm.Write(
                            "// in HasData: a constant; then \"dotnet ef migrations add\" again\n"
                                + $"new DateTimeOffset({clock.Year}, {clock.Month}, {clock.Day}, 0, 0, 0, TimeSpan.Zero)"
                        )
                    )
                    {
                        Operation = operation,
                    };
                }
            }
        }
    }

    private static bool ChangesRows(MigrationOperation operation, LintedMigration migration) =>
        operation switch
        {
            UpdateDataOperation update => !migration.Creates(update.Table, update.Schema),
            DeleteDataOperation delete => !migration.Creates(delete.Table, delete.Schema),
            SqlOperation sql => SqlText
                .Statements(sql)
                .Any(statement =>
                    SqlText.ChangedTable(statement) is { } table && !migration.Creates(table.Split('.')[^1])
                ),
            _ => false,
        };

    private static bool ChangesSchema(MigrationOperation operation, LintedMigration migration) =>
        operation switch
        {
            InsertDataOperation or UpdateDataOperation or DeleteDataOperation => false,
            SqlOperation sql => SqlText
                .Statements(sql)
                .Any(statement => SqlText.Matches(statement, @"^(ALTER|DROP|TRUNCATE|LOCK)\b")),
            CreateTableOperation or EnsureSchemaOperation or CreateSequenceOperation => false,
            ITableMigrationOperation table => !migration.Creates(table.Table, table.Schema),
            _ => false,
        };
}
