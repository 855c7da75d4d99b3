using System.Text;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Wire;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Exporting;

/// <summary>The records of one model on their way out of a database.</summary>
/// <param name="label">Django's name of the model.</param>
/// <param name="sql">A COPY of the key, as <c>bigint</c>, and of the <paramref name="columns"/>.</param>
/// <param name="columns">The fields, in the order of the COPY.</param>
/// <param name="rest">Further fields as JSON, the same for every record; each begins with a comma.</param>
internal sealed class RecordCopy(string label, string sql, IReadOnlyList<RecordColumn> columns, string rest = "")
{
    private readonly byte[] opening = Encoding.UTF8.GetBytes($$"""{"model": "{{label}}", "pk": """);
    private readonly byte[][] names =
    [
        .. columns.Select((column, at) => Encoding.UTF8.GetBytes($"{(at == 0 ? "" : ", ")}\"{column.Name}\": ")),
    ];
    private readonly byte[] closing = Encoding.UTF8.GetBytes($"{rest}}}}}");

    public string Label => label;

    /// <summary>Writes every record.</summary>
    /// <param name="before">What precedes the first record.</param>
    /// <param name="separator">What precedes each of the others.</param>
    /// <returns>The number of records.</returns>
    public async Task<long> WriteAsync(
        NpgsqlConnection connection,
        FixtureWriter writer,
        byte[] before,
        byte[] separator,
        CancellationToken cancellationToken
    )
    {
        await using var stream = await connection.BeginRawBinaryCopyAsync(sql, cancellationToken);
        var rows = new CopyReader(stream, 1 + columns.Count);
        var count = 0L;
        while (await rows.ReadAsync(cancellationToken))
        {
            writer.Write(count++ == 0 ? before : separator);
            Write(rows, writer);
            if (writer.IsFull)
            {
                await FlushAsync(writer, stream, cancellationToken);
            }
        }

        return count;
    }

    private static async ValueTask FlushAsync(
        FixtureWriter writer,
        NpgsqlRawCopyStream stream,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await writer.FlushAsync(cancellationToken);
        }
        catch
        {
            await CopyChannel.CancelAsync(stream); // to dispose of it alone would read the rest of the table
            throw;
        }
    }

    private void Write(CopyReader row, FixtureWriter writer)
    {
        writer.Write(opening);
        writer.WriteValue(FixtureKind.Integer, row[0]);
        writer.Write(", \"fields\": {"u8);
        for (var at = 0; at < names.Length; at++)
        {
            writer.Write(names[at]);
            Write(columns[at], row, at + 1, writer);
        }

        writer.Write(closing);
    }

    private static void Write(RecordColumn column, CopyReader row, int at, FixtureWriter writer)
    {
        if (column.IsList)
        {
            writer.Write("["u8);
            writer.Write(row[at]);
            writer.Write("]"u8);
        }
        else if (row.IsNull(at))
        {
            writer.Write(column.EmptyIsNull ? "\"\""u8 : "null"u8);
        }
        else if (column.Zone is { } zone)
        {
            writer.WriteTime(row[at], zone);
        }
        else
        {
            writer.WriteValue(column.Kind, row[at]);
        }
    }
}

/// <summary>A field and how its column is written.</summary>
internal sealed record RecordColumn(string Name, FixtureKind Kind)
{
    /// <summary>NULL is written as <c>""</c>.</summary>
    public bool EmptyIsNull { get; init; }

    /// <summary>The column is a string of keys with commas between them; NULL is the empty list.</summary>
    public bool IsList { get; init; }

    /// <summary>For times: what follows the digits; see <see cref="FixtureWriter.WriteTime"/>.</summary>
    public string? Zone { get; init; }
}
