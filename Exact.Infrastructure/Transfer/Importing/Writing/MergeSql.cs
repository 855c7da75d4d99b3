namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>The statements that bring staged rows (<c>s</c>) into their table (<c>t</c>).</summary>
/// <param name="staged">The rows.</param>
/// <param name="isEmpty">
/// Their table is empty, so that nothing has to be looked up in it. That is more than a saving: where VACUUM has seen the table empty, the planner
/// would look through it for each row, and it grows with each row.
/// </param>
/// <param name="mode">
/// With <c>skip</c> and <c>fail</c>, all rows are new that have come so far. One that somebody else has added since is not passed over, but breaks
/// the unique key.
/// </param>
internal sealed class MergeSql(StagedTable staged, bool isEmpty, ImportMode mode)
{
    private readonly FixtureTable table = staged.Table;

    /// <summary>
    /// Writes the rows that differ, and only those. They keep their order: what equals an element of an array, rather than a value, cannot be
    /// hashed or merged, so it is looked up for each of them.
    /// </summary>
    public string Update(MergePart part)
    {
        var isStamped = $"{Differ(table.StampColumns)}{IsRegrouped}";
        var assignments = table
            .Fields.Select(field => $"{field.Column} = {New(field)}")
            .Concat(
                from derived in table.Derived
                where derived.Update is not null
                let value = Fill(derived.Update!, NewValue)
                select derived.WhenStamped
                    ? $"{derived.Column} = CASE WHEN {isStamped} THEN {value} ELSE t.{derived.Column} END"
                    : $"{derived.Column} = {value}"
            );
        return $"""
            UPDATE {table.Name} t SET {string.Join(", ", assignments)}
            FROM (
                SELECT s.* FROM {table.Staging} s JOIN {table.Name} t ON t.id = s.id
                WHERE {part.Holds("s.id")} AND {part.Holds("t.id")} AND ({IsChanged})
                {AsIndexed()}
            ) s
            WHERE t.id = ANY (ARRAY[s.id])
            """;
    }

    /// <summary>Writes the rows that are new. Of those that have memberships, it notes which ones these are.</summary>
    public string Insert()
    {
        var columns = table
            .Fields.Select(field => field.Column)
            .Concat(table.Derived.Select(derived => derived.Column));
        var values = table
            .Fields.Select(field => $"s.{field.Column}")
            .Concat(table.Derived.Select(derived => Fill(derived.Insert, column => $"s.{column}")));
        var insert = $"""
            INSERT INTO {table.Name} (id, {string.Join(", ", columns)})
            SELECT s.id, {string.Join(", ", values)} FROM {table.Staging} s
            WHERE {IfNew($"SELECT FROM {table.Name} t WHERE t.id = s.id")}
            {(isEmpty ? "" : AsIndexed())}
            """;
        return isEmpty || table.Membership is null
            ? insert
            : $"""
                WITH new AS ({insert} RETURNING id)
                UPDATE {table.Staging} s SET inserted = true FROM new WHERE s.id = new.id
                """;
    }

    /// <summary>Counts the new rows whose records do not have the field.</summary>
    public string CountInvented(FixtureField field) =>
        $"""
            SELECT count(*) FROM {table.Staging} s WHERE s.present & {1L << field.Index} = 0
            AND {IfNew($"SELECT FROM {table.Name} t WHERE t.id = s.id")}
            """;

    /// <summary>Gives each row the memberships of its record, if the record has the field.</summary>
    public string Regroup(FixtureMembership membership)
    {
        var isRegrouped = isEmpty ? "true" : "(s.regrouped OR s.inserted)";
        var (own, other) = (membership.OwnColumn, membership.OtherColumn);
        var delete = $"""
            DELETE FROM {membership.Table} u USING {table.Staging} s
            WHERE {isRegrouped} AND u.{own} = s.id
            AND NOT EXISTS (SELECT FROM {membership.Staging} m WHERE m.record = s.record AND m.{other} = u.{other});

            """;
        return $"""
            {(isEmpty ? "" : delete)}
            INSERT INTO {membership.Table} ({own}, {other})
            SELECT DISTINCT s.id, m.{other} FROM {table.Staging} s JOIN {membership.Staging} m ON m.record = s.record
            WHERE {isRegrouped}
            AND {IfNew($"SELECT FROM {membership.Table} u WHERE u.{own} = s.id AND u.{other} = m.{other}")}
            """;
    }

    private string IsRegrouped => table.Membership is null ? "" : " OR (s.regrouped AND NOT s.inserted)";

    private string IsChanged => $"{Differ([.. table.Fields.Select(f => f.Column)])}{IsRegrouped}";

    private string IfNew(string row) =>
        isEmpty || mode is ImportMode.Skip or ImportMode.Fail ? "true" : $"NOT EXISTS ({row})";

    /// <summary>
    /// Rows of one parent together, as in the indexes that begin with it: where these are larger than the server's memory, rows in the order
    /// of their keys would fetch and write a page of each for every row. To compare bytes is the fastest way to tell parents apart.
    /// </summary>
    private string AsIndexed()
    {
        var parents = table
            .Fields.Where(field => field.Parent is not null)
            .Select(field => field.Kind == FixtureKind.Text ? $"s.{field.Column} COLLATE \"C\"" : $"s.{field.Column}");
        return $"ORDER BY {string.Join(", ", [.. parents, "s.id"])}";
    }

    private string Differ(IReadOnlyList<string> columns) =>
        columns.Count == 0
            ? "false"
            : $"({string.Join(", ", columns.Select(column => $"t.{column}"))}) IS DISTINCT FROM ({string.Join(", ", columns.Select(NewValue))})";

    /// <summary>What the column will hold: a field that the record does not have leaves it as it is.</summary>
    private string New(FixtureField field) => New(field, field.Column);

    private string New(FixtureField field, string column) =>
        staged.IsInAll(field.Index)
            ? $"s.{column}"
            : $"CASE WHEN s.present & {1L << field.Index} <> 0 THEN s.{column} ELSE t.{column} END";

    private string NewValue(string column) =>
        table.Find(column) is { } field
            ? New(field)
            : New(table.Find(table.UpperCased.Single(derived => derived.Column == column).UpperCaseOf!)!, column);

    private static string Fill(string sql, Func<string, string> valueOf)
    {
        for (var start = sql.IndexOf('{'); start >= 0; start = sql.IndexOf('{'))
        {
            var end = sql.IndexOf('}', start);
            sql = $"{sql[..start]}{valueOf(sql[(start + 1)..end])}{sql[(end + 1)..]}";
        }

        return sql;
    }
}
