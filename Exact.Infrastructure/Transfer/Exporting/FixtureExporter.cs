using System.Data;
using System.Runtime.CompilerServices;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Mapping;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Exporting;

/// <summary>
/// Writes the database as a fixture: one snapshot, parents before children, in the order of the keys, so that the same data is the same
/// bytes. Django's <c>loaddata</c> reads it, and so does an import here.
/// </summary>
internal sealed class FixtureExporter(NpgsqlDataSource database, FixtureTables tables)
{
    /// <summary>The option that chooses what does not exist, and a sentence about it; null if there is none.</summary>
    public async Task<(string Option, string Detail)?> FindMistakeAsync(
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        foreach (var (option, names) in new[] { ("models", options.Models), ("exclude", options.Exclude) })
        {
            var unknown = names.Where(name => !tables.All.Any(table => IsNamed(table, name))).ToList();
            if (unknown.Count > 0)
            {
                return (option, string.Join(' ', unknown.Select(tables.NoModel)));
            }
        }

        var named = tables.All.Where(table => options.Models.Any(name => IsNamed(table, name))).ToList();
        if (options.For == ExportTarget.Django && named.Count > 0 && named.All(table => table.IsOfExact))
        {
            const string Detail = "Django does not know the models of Exact. Export them without for=django.";
            return ("for", Detail);
        }

        if (options.Challenge is null)
        {
            return null;
        }

        await using var command = database.CreateShortCommand(
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
            await using var command = new NpgsqlCommand(
                $"SELECT count(*) FROM {table.Name} t {FilterOf(table, options)}",
                snapshot
            );
            counts.Add(table.Label, (long)(await command.ExecuteScalarAsync(cancellationToken))!);
        }

        return WithoutUnused(counts);
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
        var copies = tables.All.Where(table => IsChosen(table, options)).Select(table => CopyOf(table, options));
        var models = await RecordFile.WriteAsync(connection, copies, writer, options.Format, cancellationToken);
        return new ExportReport(WithoutUnused(models), writer.Bytes);
    }

    /// <summary>The stored files whose rows the options choose.</summary>
    public async IAsyncEnumerable<(string Key, long Size, string Sha256)> ReadFilesAsync(
        NpgsqlConnection snapshot,
        ExportOptions options,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        if (
            tables.All.FirstOrDefault(table => table.Name == "stored_files") is not { } files
            || !IsChosen(files, options)
        )
        {
            yield break;
        }

        await using var command = new NpgsqlCommand(
            $"SELECT t.key, t.size, t.sha256 FROM {files.Name} t {FilterOf(files, options)} ORDER BY t.id",
            snapshot
        );
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            yield return (rows.GetString(0), rows.GetInt64(1), rows.GetString(2));
        }
    }

    private async Task PrepareAsync(
        NpgsqlConnection connection,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        // The tables are locked before the snapshot is taken: a table that is truncated or rewritten in between would look empty.
        var chosen = tables.All.Where(table => IsChosen(table, options));
        var names = chosen
            .SelectMany(table => (string?[])[table.Name, table.Membership?.Table, .. table.ReadWith])
            .OfType<string>()
            .Distinct()
            .ToList();
        // COPY takes no parameters; settings of the transaction carry them.
        var secret = options.Redact is Redaction.People ? Pseudonyms.Secret : "''";
        await using var command = new NpgsqlCommand(
            $"""
            SET TRANSACTION READ ONLY;
            {TimeLimits.Lift(connection, local: true)}
            SET LOCAL lock_timeout = {options.LockWait.TotalMilliseconds:0};
            SET LOCAL row_security = off;
            {(names.Count > 0 ? $"LOCK TABLE {string.Join(", ", names)} IN ACCESS SHARE MODE;" : "")}
            SELECT set_config('exact.challenge', @challenge, true), set_config('{Pseudonyms.Setting}', {secret}, true)
            """,
            connection
        );
        command.Parameters.AddWithValue("challenge", options.Challenge ?? "");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static bool IsChosen(FixtureTable table, ExportOptions options) =>
        (options.Models.Count == 0 || options.Models.Any(name => IsNamed(table, name)))
        && !options.Exclude.Any(name => IsNamed(table, name))
        && (options.Challenge is null || table.OfChallenge is not null)
        && !(options.For == ExportTarget.Django && table.IsOfExact);

    private static bool IsNamed(FixtureTable table, string name) => FixtureLabel.IsNamed(table.Label, name);

    private static string FilterOf(FixtureTable table, ExportOptions options) =>
        options.Challenge is null ? "" : $"WHERE {table.OfChallenge}";

    /// <summary>A platform that does not use a model of Exact has what Django has.</summary>
    private static Dictionary<string, long> WithoutUnused(IEnumerable<KeyValuePair<string, long>> counts) =>
        counts.Where(model => model.Value > 0 || !FixtureLabel.IsOfExact(model.Key)).ToDictionary();

    private static RecordCopy CopyOf(FixtureTable table, ExportOptions options)
    {
        var filter = FilterOf(table, options);
        var columns = string.Concat(table.Fields.Select(field => $", {SqlOf(field, options.Redact)}"));
        var members = table.Membership is { } m
            ? $"""
                , (SELECT string_agg(m.{m.OtherColumn}::text, ', ' ORDER BY m.{m.OtherColumn})
                   FROM {m.Table} m WHERE m.{m.OwnColumn} = t.id)
                """
            : "";
        var fields = table.Fields.Select(field => new RecordColumn(field.Name, field.Kind)
        {
            EmptyIsNull = field.EmptyIsNull,
        });
        var membership = table.Membership is { Field: var name }
            ? new RecordColumn(name, FixtureKind.Text) { IsList = true }
            : null;
        return new RecordCopy(
            table.Label,
            $"""
            COPY (SELECT t.id{columns}{members} FROM {table.Name} t {filter} ORDER BY t.id) TO STDOUT (FORMAT binary)
            """,
            [.. fields, .. membership is null ? [] : new[] { membership }],
            string.Concat(table.NotCarried.Select(name => $", \"{name}\": []"))
        );
    }

    /// <summary>The value as <see cref="FixtureWriter"/> reads it: every integer has 64 bits.</summary>
    private static string SqlOf(FixtureField field, Redaction redact) =>
        (redact is Redaction.People ? field.Redacted ?? field.Written : field.Written)?.Invoke(column => $"t.{column}")
        ?? (field.Is32Bit ? $"t.{field.Column}::bigint" : $"t.{field.Column}");
}
