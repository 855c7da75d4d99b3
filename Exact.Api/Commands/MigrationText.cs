using System.Text;
using Exact.Api.AdminConsole;
using Exact.Infrastructure.Migrating.Forecast;
using Exact.Infrastructure.Migrating.Rehearsing;

namespace Exact.Api.Commands;

/// <summary>A plan and a rehearsal as text for people.</summary>
internal static class MigrationText
{
    private static readonly string[] Heading = ["table", "lock", "rows ≈", "size", "rewritten", "used now by"];

    /// <summary>What is pending, and what it would do.</summary>
    public static string Of(IReadOnlyList<PendingMigration> pending)
    {
        if (pending.Count == 0)
        {
            return "Nothing is pending.";
        }

        var text = new StringBuilder($"Pending: {Show.Count(pending.Count, "migration")}. Nothing was changed.\n");
        foreach (var migration in pending)
        {
            text.Append($"\n{migration.Id}\n");
            foreach (var finding in migration.Findings)
            {
                text.Append(
                    $"  {Show.Name(finding.Severity)}  {finding.Rule}  {finding.Operation}: {finding.Problem}\n"
                );
            }

            AppendTable(text, migration.Tables);
            text.Append($"  sql\n    {migration.Sql.ReplaceLineEndings("\n    ")}\n");
        }

        return text.ToString().TrimEnd();
    }

    /// <summary>What a rehearsal has shown.</summary>
    public static string Of(RehearsalReport report)
    {
        if (report is { Migrations: [], Error: null })
        {
            return "Nothing is pending.";
        }

        var text = new StringBuilder();
        foreach (var name in report.DroppedLeftovers)
        {
            text.Append($"Dropped {name}, which an earlier rehearsal had left behind.\n");
        }

        text.Append(
            report.Tables == 0
                ? "The database is empty, so the rehearsal started with an empty one.\n"
                : $"Copied {Show.Count(report.Tables, "table")} in {Show.Seconds(report.CopySeconds)}; "
                    + $"the copy has {Show.Bytes(report.Bytes)}.\n"
        );
        foreach (var difference in report.Differences)
        {
            text.Append($"  not in the copy  {difference}\n");
        }

        foreach (var migration in report.Migrations)
        {
            text.Append($"\n{migration.Id}  {Show.Seconds(migration.Seconds)}\n");
            foreach (var held in migration.Locks)
            {
                var rewritten = migration.Rewritten.Contains(held.Table) ? ", rewritten" : "";
                text.Append($"  {held.Table}: {held.Mode}{rewritten}\n");
            }
        }

        text.Append(
            report switch
            {
                { Error: { } error } => $"\nFailed: {error} The copy was dropped; the database itself is unchanged.\n",
                { Drift: [] } =>
                    $"\nAll succeeded in {Show.Seconds(report.Migrations.Sum(one => one.Seconds))}, and the copy "
                        + "equals the model. It was dropped; the database itself is unchanged.\n",
                _ => "\nAll succeeded, but the copy differs from the model:\n"
                    + string.Concat(report.Drift.Select(finding => $"  {finding}\n")),
            }
        );
        return text.ToString().TrimEnd();
    }

    private static void AppendTable(StringBuilder text, IReadOnlyList<TableForecast> tables)
    {
        if (tables.Count == 0)
        {
            text.Append("  It touches no table that exists.\n");
            return;
        }

        string[][] rows =
        [
            Heading,
            .. tables.Select(one =>
                (string[])
                    [
                        one.Table,
                        one.Mode,
                        Show.Number(one.Rows),
                        Show.Bytes(one.Bytes),
                        one.Rewrites ? "perhaps" : "no",
                        one.Blockers.Count == 0 ? "nobody" : string.Join(", ", one.Blockers),
                    ]
            ),
        ];
        foreach (var row in rows)
        {
            var cells = row.Select((cell, column) => cell.PadRight(rows.Max(one => one[column].Length)));
            text.Append($"  {string.Join("  ", cells).TrimEnd()}\n");
        }
    }
}
