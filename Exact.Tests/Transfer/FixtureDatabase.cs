using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Exact.Tests.Transfer;

/// <summary>A database to import into and to export from. Each test begins with <see cref="EmptyAsync"/> where it matters.</summary>
public sealed class FixtureDatabase(MigratedTemplate template) : MigratedDatabase(template)
{
    /// <summary>A true <c>manage.py dumpdata</c> of the Django backend that Exact replaces.</summary>
    public static string DumpPath => Path.Combine(AppContext.BaseDirectory, "Transfer", "django-dump.json");

    /// <summary>Asks for the indexes and constraints, as one text.</summary>
    public const string Schema = """
        SELECT string_agg(line, E'\n' ORDER BY line) FROM (
            SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT conname || pg_get_constraintdef(oid) || convalidated FROM pg_constraint
        ) lines
        """;

    public static Task<byte[]> DumpAsync() => File.ReadAllBytesAsync(DumpPath, TestContext.Current.CancellationToken);

    internal FakeTimeProvider Time { get; } = new(DateTimeOffset.Parse("2026-01-02T03:04:05Z"));

    internal FixtureTables Tables { get; private set; } = null!;

    internal FixtureImporter Importer => new(DataSource, Tables, Time);

    internal FixtureExporter Exporter => new(DataSource, Tables);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await using var context = CreateContext();
        var model = context.Model;
        Tables = new FixtureTables(() => model);
    }

    public Task EmptyAsync() =>
        ExecuteAsync("TRUNCATE challenges, scores, companies, users, roles, stored_files RESTART IDENTITY CASCADE");

    internal Task<ImportOutcome> ImportAsync(string json, ImportOptions? options = null) =>
        ImportAsync(Encoding.UTF8.GetBytes(json), options);

    internal async Task<ImportOutcome> ImportAsync(byte[] file, ImportOptions? options = null) =>
        await Importer.ImportAsync(new MemoryStream(file), options ?? new ImportOptions());

    internal async Task<ImportReport> ImportedAsync(string json, ImportOptions? options = null) =>
        Report(await ImportAsync(json, options));

    internal async Task<IReadOnlyList<FixtureError>> RejectedAsync(string json, ImportOptions? options = null) =>
        Assert.IsType<ImportOutcome.Rejected>(await ImportAsync(json, options)).Errors;

    /// <summary>What reading a file finds; nothing is imported.</summary>
    internal async Task<List<FixtureError>> ErrorsOfAsync(Stream file, Encoding? declared = null)
    {
        await using var reader = new FixtureReader(file, declared);
        var parser = new RecordParser(Tables, new ImportOptions(), now: 0);
        var errors = new List<FixtureError>();
        while (await reader.TryReadAsync(parser, TestContext.Current.CancellationToken))
        {
            errors.AddRange(parser.Record.Problems);
        }

        return reader.Fault is { } fault ? [.. errors, fault] : errors;
    }

    internal static ImportReport Report(ImportOutcome outcome) =>
        outcome switch
        {
            ImportOutcome.Imported imported => imported.Report,
            ImportOutcome.Rejected rejected => throw new InvalidOperationException(
                string.Join(Environment.NewLine, rejected.Errors)
            ),
            ImportOutcome.NotJson notJson => throw new InvalidOperationException(notJson.Error.ToString()),
            _ => throw new InvalidOperationException(outcome.ToString()),
        };

    internal async Task<byte[]> ExportAsync(ExportOptions? options = null)
    {
        using var file = new MemoryStream();
        await Exporter.ExportAsync(file, options ?? new ExportOptions());
        return file.ToArray();
    }

    /// <summary>Imports; returns what the import says, and what is there then.</summary>
    internal async Task<string[]> ResultAsync(Stream source, ImportOptions options)
    {
        const string Sequences =
            "SELECT string_agg(sequencename || last_value, ' ' ORDER BY sequencename) FROM pg_sequences WHERE last_value IS NOT NULL";
        var outcome = await Importer.ImportAsync(source, options);
        return
        [
            JsonSerializer.Serialize(outcome, outcome.GetType()),
            Encoding.UTF8.GetString(await ExportAsync()),
            await ScalarAsync<string>(Sequences) ?? "",
            await SchemaAsync() ?? "",
        ];
    }

    /// <summary>A session in a transaction that has done this.</summary>
    public async Task<NpgsqlConnection> BeginAsync(string sql, string transaction = "BEGIN")
    {
        var connection = await DataSource.OpenConnectionAsync();
        await ExecuteAsync(connection, $"{transaction}; {sql}");
        return connection;
    }

    public static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public Task<string?> SchemaAsync() => ScalarAsync<string>(Schema);

    /// <summary>
    /// Everything that a fixture could change, with each row's last writer: equal before and after means that nothing
    /// was written.
    /// </summary>
    public Task<string?> StateAsync() =>
        ScalarAsync<string>(
            """
            SELECT string_agg(line, E'\n' ORDER BY line) FROM (
                SELECT 'roles ' || xmin || to_jsonb(t) AS line FROM roles t
                UNION ALL SELECT 'users ' || xmin || to_jsonb(t) FROM users t
                UNION ALL SELECT 'user_roles ' || xmin || to_jsonb(t) FROM user_roles t
                UNION ALL SELECT 'companies ' || xmin || to_jsonb(t) FROM companies t
                UNION ALL SELECT 'challenges ' || xmin || to_jsonb(t) FROM challenges t
                UNION ALL SELECT 'scores ' || xmin || to_jsonb(t) FROM scores t
                UNION ALL SELECT 'challenge_rules ' || xmin || to_jsonb(t) FROM challenge_rules t
                UNION ALL SELECT 'stored_files ' || xmin || to_jsonb(t) FROM stored_files t
                UNION ALL SELECT 'submissions ' || xmin || to_jsonb(t) FROM submissions t
                UNION ALL SELECT 'disqualifications ' || xmin || to_jsonb(t) FROM disqualifications t
                UNION ALL SELECT 'sequence ' || schemaname || sequencename || coalesce(last_value, 0)
                    FROM pg_sequences
                    WHERE sequencename NOT IN ('operations_id_seq', 'participants_id_seq', 'standings_id_seq')
            ) lines
            """
        );
}
