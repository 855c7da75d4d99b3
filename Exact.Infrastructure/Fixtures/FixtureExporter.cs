using System.Data;
using System.Text;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// Writes the database as a fixture: one snapshot, parents before children, in the order of the keys, so that the same data is the same
/// bytes. Django's <c>loaddata</c> reads it, and so does <see cref="FixtureImporter"/>.
/// </summary>
internal sealed class FixtureExporter(NpgsqlDataSource database, FixtureTables tables)
{
    private const string OfOneChallenge = "WHERE t.challenge_id = current_setting('exact.challenge')";

    /// <summary>The option that chooses what does not exist, and a sentence about it; null if there is none.</summary>
    public async Task<(string Option, string Detail)?> FindMistakeAsync(
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        var names = options.Models.Concat(options.Exclude);
        var unknown = names.Where(name => !tables.All.Any(table => IsNamed(table, name))).ToList();
        if (unknown.Count > 0)
        {
            return ("models", $"Exact has no model {string.Join(", ", unknown)}.");
        }

        if (options.Challenge is null)
        {
            return null;
        }

        await using var command = database.CreateCommand(
            $"{RowSecurity.Off}SELECT EXISTS (SELECT FROM challenges WHERE challenge_id = @challenge)"
        );
        command.Parameters.AddWithValue("challenge", options.Challenge);
        return await command.ExecuteScalarAsync(cancellationToken) is true
            ? null
            : ("challenge", $"There is no challenge \"{options.Challenge}\".");
    }

    /// <summary>Writes the fixture as it is read; a slow <paramref name="destination"/> slows the reading.</summary>
    /// <param name="destination">Left open. When this throws, it holds a fixture without its end, which must not look whole.</param>
    /// <param name="options">What to write.</param>
    /// <param name="cancellationToken">Ends the export.</param>
    /// <exception cref="NpgsqlException">The server failed.</exception>
    /// <exception cref="IOException">The server or <paramref name="destination"/> failed.</exception>
    public async Task<ExportReport> ExportAsync(
        Stream destination,
        ExportOptions options,
        CancellationToken cancellationToken = default
    )
    {
        await using var snapshot = await OpenSnapshotAsync(options, cancellationToken);
        return await WriteAsync(snapshot, destination, options, progress: null, cancellationToken);
    }

    /// <summary>How many records the options choose, per label, parents before children.</summary>
    public async Task<IReadOnlyDictionary<string, long>> CountAsync(
        NpgsqlConnection snapshot,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        var counts = new Dictionary<string, long>();
        foreach (var table in tables.All.Where(table => IsChosen(table, options)))
        {
            var filter = options.Challenge is null ? "" : OfOneChallenge;
            await using var command = new NpgsqlCommand($"SELECT count(*) FROM {table.Name} t {filter}", snapshot);
            counts.Add(table.Label, (long)(await command.ExecuteScalarAsync(cancellationToken))!);
        }

        return counts;
    }

    /// <summary>A session that sees the database as it is now, for <see cref="WriteAsync"/>.</summary>
    public async Task<NpgsqlConnection> OpenSnapshotAsync(ExportOptions options, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
            await PrepareAsync(connection, options, cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>The same as <see cref="ExportAsync"/>, from a snapshot that is open.</summary>
    public async Task<ExportReport> WriteAsync(
        NpgsqlConnection connection,
        Stream destination,
        ExportOptions options,
        IProgress<ExportProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        var writer = new FixtureWriter(destination, progress);
        var isList = options.Format == FixtureFormat.Json;
        var separator = isList ? ",\n"u8.ToArray() : "\n"u8.ToArray();
        var models = new Dictionary<string, long>();
        if (isList)
        {
            writer.Write("[\n"u8);
        }

        foreach (var table in tables.All.Where(table => IsChosen(table, options)))
        {
            var isFirst = models.Values.Sum() == 0;
            var copy = new TableCopy(table, options.Challenge is not null);
            var count = await copy.WriteAsync(
                connection,
                writer,
                isFirst ? [] : separator,
                separator,
                cancellationToken
            );
            models.Add(table.Label, count);
        }

        var isEmpty = models.Values.Sum() == 0;
        writer.Write(
            (isList, isEmpty) switch
            {
                (true, true) => "]\n"u8,
                (true, false) => "\n]\n"u8,
                (false, true) => ""u8,
                (false, false) => "\n"u8,
            }
        );
        await writer.FlushAsync(cancellationToken);
        return new ExportReport(models, writer.Bytes);
    }

    private async Task PrepareAsync(
        NpgsqlConnection connection,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        // The tables are taken before the snapshot, for an import may put others in their place (TableRewrite).
        var chosen = tables.All.Where(table => IsChosen(table, options));
        var names = chosen.SelectMany(table => new[] { table.Name, table.Membership?.Table }).OfType<string>().ToList();
        // COPY takes no parameters; a setting of the transaction carries the one that there is.
        await using var command = new NpgsqlCommand(
            $"""
            SET TRANSACTION READ ONLY;
            SET LOCAL statement_timeout = 0;
            SET LOCAL row_security = off;
            {(names.Count > 0 ? $"LOCK TABLE {string.Join(", ", names)} IN ACCESS SHARE MODE;" : "")}
            SELECT set_config('exact.challenge', @challenge, true)
            """,
            connection
        );
        command.Parameters.AddWithValue("challenge", options.Challenge ?? "");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static bool IsChosen(FixtureTable table, ExportOptions options) =>
        (options.Models.Count == 0 || options.Models.Any(name => IsNamed(table, name)))
        && !options.Exclude.Any(name => IsNamed(table, name))
        && (options.Challenge is null || table.Find("challenge_id") is not null);

    private static bool IsNamed(FixtureTable table, string name) =>
        table.Label == name || table.Label.StartsWith($"{name}.", StringComparison.Ordinal);

    /// <summary>One table on its way out.</summary>
    private sealed class TableCopy(FixtureTable table, bool ofOneChallenge)
    {
        private readonly byte[] opening = Encoding.UTF8.GetBytes($$"""{"model": "{{table.Label}}", "pk": """);
        private readonly byte[][] names =
        [
            .. table.Fields.Select((field, index) => NameOf(field.Name, isFirst: index == 0)),
        ];
        private readonly byte[] membership = NameOf(table.Membership?.Field ?? "", isFirst: false);
        private readonly byte[] closing = Encoding.UTF8.GetBytes(
            string.Concat(table.NotCarried.Select(name => $", \"{name}\": []")) + "}}"
        );

        private string Sql()
        {
            var columns = string.Concat(table.Fields.Select(field => $", t.{field.Column}"));
            var members = table.Membership is { } m
                ? $"""
                    , (SELECT coalesce(string_agg(m.{m.OtherColumn}::text, ', ' ORDER BY m.{m.OtherColumn}), '')
                       FROM {m.Table} m WHERE m.{m.OwnColumn} = t.id)
                    """
                : "";
            var filter = ofOneChallenge ? OfOneChallenge : "";
            return $"""
                COPY (SELECT t.id{columns}{members} FROM {table.Name} t {filter} ORDER BY t.id) TO STDOUT (FORMAT binary)
                """;
        }

        /// <returns>The number of records.</returns>
        public async Task<long> WriteAsync(
            NpgsqlConnection connection,
            FixtureWriter writer,
            byte[] before,
            byte[] separator,
            CancellationToken cancellationToken
        )
        {
            await using var stream = await connection.BeginRawBinaryCopyAsync(Sql(), cancellationToken);
            var rows = new CopyReader(stream, 1 + table.Fields.Length + (table.Membership is null ? 0 : 1));
            var count = 0L;
            while (await rows.ReadAsync(cancellationToken))
            {
                writer.Write(count++ == 0 ? before : separator);
                Write(rows, writer);
                if (writer.IsFull)
                {
                    await writer.FlushAsync(cancellationToken);
                }
            }

            return count;
        }

        private void Write(CopyReader row, FixtureWriter writer)
        {
            writer.Write(opening);
            writer.WriteValue(FixtureKind.Integer, row[0]);
            writer.Write(", \"fields\": {"u8);
            for (var index = 0; index < names.Length; index++)
            {
                var field = table.Fields[index];
                writer.Write(names[index]);
                if (!row.IsNull(index + 1))
                {
                    writer.WriteValue(field.Kind, row[index + 1]);
                }
                else
                {
                    writer.Write(field.EmptyIsNull ? "\"\""u8 : "null"u8);
                }
            }

            if (table.Membership is not null)
            {
                writer.Write(membership);
                writer.Write("["u8);
                writer.Write(row[names.Length + 1]);
                writer.Write("]"u8);
            }

            writer.Write(closing);
        }

        private static byte[] NameOf(string field, bool isFirst) =>
            Encoding.UTF8.GetBytes($"{(isFirst ? "" : ", ")}\"{field}\": ");
    }
}
