using System.Diagnostics;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Bench;

/// <summary>A folder with a PostgreSQL server of our own, on its default settings, which all sides use; both are gone at the end.</summary>
internal sealed class Workshop : IAsyncDisposable
{
    private const string Schema = "exact_schema";

    private readonly EmbeddedPostgres server;

    private Workshop(string folder, EmbeddedPostgres server)
    {
        Folder = folder;
        this.server = server;
    }

    public string Folder { get; }

    public static async Task<Workshop> OpenAsync(string folder, CancellationToken cancellationToken)
    {
        var options = new EmbeddedPostgresOptions { DataFolder = Path.Combine(folder, "server") };
        var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, cancellationToken);
        var workshop = new Workshop(folder, server);
        await using (await Service.StartAsync(workshop.ConnectionString(Schema), cancellationToken)) { } // migrates it
        return workshop;
    }

    public string ConnectionString(string database) =>
        new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = database }.ConnectionString;

    /// <summary>A session that ends when it is closed: a database with an idle one cannot be copied.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string database, CancellationToken cancellationToken)
    {
        var unpooled = new NpgsqlConnectionStringBuilder(ConnectionString(database)) { Pooling = false };
        var connection = new NpgsqlConnection(unpooled.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    /// <summary>A database with Exact's schema and nothing in it, in the place of the one that had this name.</summary>
    public async Task<string> CreateAsync(string database, CancellationToken cancellationToken)
    {
        await CreateEmptyAsync(database, Schema, cancellationToken);
        return ConnectionString(database);
    }

    public async Task CreateEmptyAsync(string database, string template, CancellationToken cancellationToken)
    {
        await ExecuteAsync("postgres", $"DROP DATABASE IF EXISTS {database} WITH (FORCE)", cancellationToken);
        await ExecuteAsync("postgres", $"CREATE DATABASE {database} TEMPLATE {template}", cancellationToken);
    }

    public async Task ExecuteAsync(string database, string sql, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(database, cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The columns of a table, in the order of the catalogue.</summary>
    public async Task<string[]> ColumnsAsync(string database, string table, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(database, cancellationToken);
        await using var command = new NpgsqlCommand(
            """
            SELECT array_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
            """,
            connection
        )
        {
            Parameters = { new() { Value = table } },
        };
        return (string[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>What one step left to be written must not be charged to the next.</summary>
    public Task SettleAsync(CancellationToken cancellationToken) =>
        ExecuteAsync("postgres", "CHECKPOINT", cancellationToken);

    public Task<TimeSpan> PsqlAsync(string database, string sql, CancellationToken cancellationToken) =>
        RunAsync(database, "psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1"], sql, cancellationToken);

    public Task<TimeSpan> DjangoAsync(string database, string[] arguments, CancellationToken cancellationToken) =>
        RunAsync(
            database,
            "/usr/bin/python3", // Debian's packages are for Debian's python; another one may come first on the path
            ["-B", Path.Combine(AppContext.BaseDirectory, "django", "manage.py"), .. arguments],
            "",
            cancellationToken
        );

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Runs a program on a database, throws its output away, and says how long it took.</summary>
    private async Task<TimeSpan> RunAsync(
        string database,
        string program,
        string[] arguments,
        string input,
        CancellationToken cancellationToken
    )
    {
        var connection = new NpgsqlConnectionStringBuilder(ConnectionString(database));
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PGHOST"] = connection.Host;
        start.Environment["PGPORT"] = $"{connection.Port}";
        start.Environment["PGUSER"] = connection.Username;
        start.Environment["PGPASSWORD"] = connection.Password;
        start.Environment["PGDATABASE"] = database;
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, 1024 * 1024, cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? watch.Elapsed
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await errors}");
    }
}
