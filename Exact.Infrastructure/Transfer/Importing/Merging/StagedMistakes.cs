using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>Finds staged rows that meet a condition, and says of each where in the file it came from.</summary>
internal sealed class StagedMistakes(ImportSql sql, StagingArea staging, FixtureErrors errors)
{
    /// <summary>Whether a record has the field of this bit, as a number that is not 0.</summary>
    public static string IsPresent(int bit) => $"s.present & {1L << bit}";

    /// <summary>The rows of a table as they will be, each as its <c>id</c> and the <c>value</c> of one column.</summary>
    public string WillBe(string name, string column)
    {
        var table = staging.Tables.Single(staged => staged.Table.Name == name).Table;
        var isNamed = table.Find(column) is { } field ? $"{IsPresent(field.Index)} <> 0" : "true";
        return $"""
            (
                SELECT s.id, s.{column} AS value FROM {table.Staging} s WHERE {isNamed}
                UNION ALL
                SELECT t.id, t.{column} FROM {name} t
                WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = t.id AND {isNamed})
            )
            """;
    }

    /// <summary>Every staged row that meets the condition is an error.</summary>
    /// <param name="table">The table of the rows.</param>
    /// <param name="field">The field at fault; null when it is the row.</param>
    /// <param name="code">One of <see cref="FixtureErrorCode"/>.</param>
    /// <param name="condition">The condition, as SQL over a staged row <c>s</c>.</param>
    /// <param name="detail">What is wrong, as the rest of a sentence whose subject is the value, or the whole of it.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    /// <param name="value">The value to name, as SQL.</param>
    public async Task RefuseAsync(
        FixtureTable table,
        string? field,
        string code,
        string condition,
        string detail,
        CancellationToken cancellationToken,
        string value = "NULL::text"
    )
    {
        await using var command = sql.Command(
            $"""
            SELECT s.record, s.line, s.line_column, s.byte_offset, CASE WHEN {IsPresent(
                table.Layout.KeyBit
            )} <> 0 THEN s.id END, left({value}, 100), count(*) OVER ()
            FROM {table.Staging} s WHERE {condition}
            ORDER BY s.record LIMIT {FixtureErrors.Limit}
            """
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var seen = 0L;
        var all = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            seen++;
            all = reader.GetInt64(6);
            var record = reader.GetInt64(0);
            var sentence = reader.IsDBNull(5) ? detail : $"'{reader.GetString(5)}' {detail}";
            errors.Add(
                new FixtureError(
                    code,
                    char.ToUpperInvariant(sentence[0]) + sentence[1..],
                    record,
                    FixtureError.PointerTo(record, field),
                    new FilePlace(reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3)),
                    table.Label,
                    reader.IsDBNull(4) ? null : reader.GetInt64(4),
                    field
                )
            );
        }

        errors.AddUnseen(all - seen);
        if (code == FixtureErrorCode.Orphan && all > 0)
        {
            errors.Orphans[table.Label] = errors.Orphans.GetValueOrDefault(table.Label) + all;
        }
    }
}
