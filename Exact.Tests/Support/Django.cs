using System.Diagnostics;
using System.Text.Json;
using Npgsql;

namespace Exact.Tests.Support;

/// <summary>
/// A real Django with the models of the backend that Exact replaces (bench/django). Its tables have other names than Exact's, so both
/// live in one database.
/// </summary>
internal sealed class Django(string connectionString)
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "django");

    // Debian's packages are for Debian's python; another one may come first on the path.
    private const string Python = "/usr/bin/python3";

    private static readonly Lazy<Task<bool>> Installed = new(async () =>
        File.Exists(Python) && (await RunAsync(["-c", "import django, psycopg2"], [])).ExitCode == 0
    );

    private Dictionary<string, string?> Variables
    {
        get
        {
            var database = new NpgsqlConnectionStringBuilder(connectionString);
            return new()
            {
                ["PGHOST"] = database.Host,
                ["PGPORT"] = $"{database.Port}",
                ["PGUSER"] = database.Username,
                ["PGPASSWORD"] = database.Password,
                ["PGDATABASE"] = database.Database,
                ["PYTHONUTF8"] = "1",
            };
        }
    }

    /// <summary>Why a test is skipped where <see cref="IsInstalledAsync"/> is false.</summary>
    public const string IsMissing = "Django is missing: apt-get install python3-django python3-psycopg2";

    /// <summary>Whether this machine has Django and its driver for PostgreSQL.</summary>
    public static Task<bool> IsInstalledAsync() => Installed.Value;

    /// <summary>Makes Django's tables, where they are missing.</summary>
    public Task MigrateAsync() => ManageAsync("migrate", "--run-syncdb", "--verbosity=0");

    /// <summary>Empties Django's tables.</summary>
    public Task FlushAsync() => ManageAsync("flush", "--no-input");

    /// <summary>Everything that Exact carries.</summary>
    public Task<string> DumpAsync(params string[] options) =>
        ManageAsync(["dumpdata", "--exclude=contenttypes", "--exclude=auth.permission", .. options]);

    public async Task LoadAsync(byte[] fixture, string format = "json")
    {
        var path = Path.Combine(Path.GetTempPath(), $"exact-{Guid.NewGuid():N}.{format}");
        await File.WriteAllBytesAsync(path, fixture);
        try
        {
            await ManageAsync("loaddata", path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Loads each of the fixtures into empty tables, and reads with the queries what is there then.</summary>
    public async Task<IReadOnlyList<DjangoLoad>> LoadEachAsync(
        IReadOnlyDictionary<string, string> queries,
        IEnumerable<string> fixtures
    )
    {
        var path = Path.Combine(Path.GetTempPath(), $"exact-{Guid.NewGuid():N}.jsonl");
        string[] lines =
        [
            JsonSerializer.Serialize(queries),
            .. fixtures.Select(text => JsonSerializer.Serialize(text)),
        ];
        await File.WriteAllLinesAsync(path, lines);
        try
        {
            var output = await PythonAsync("load_each.py", path);
            return
            [
                .. output
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Select(line => JsonSerializer.Deserialize<DjangoLoad>(line, JsonSerializerOptions.Web)!),
            ];
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Lets the commands of a checkout call <c>python manage.py</c>.</summary>
    public void PutFirst(Checkout checkout)
    {
        checkout.PutFirst("python", $"exec {Python} -B {Folder}/\"$@\"");
        foreach (var (name, value) in Variables)
        {
            checkout[name] = value ?? "";
        }
    }

    private Task<string> ManageAsync(params string[] arguments) => PythonAsync("manage.py", arguments);

    private async Task<string> PythonAsync(string script, params string[] arguments)
    {
        var (exitCode, output, errors) = await RunAsync(["-B", Path.Combine(Folder, script), .. arguments], Variables);
        Assert.True(exitCode == 0, $"{script} {string.Join(' ', arguments)}:\n{errors}");
        return output;
    }

    private static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        string[] arguments,
        Dictionary<string, string?> environment
    )
    {
        var start = new ProcessStartInfo(Python, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }
}

/// <summary>What Django's <c>loaddata</c> made of a fixture: rows as JSON by table, or an error.</summary>
internal sealed record DjangoLoad(string? Error, IReadOnlyDictionary<string, string[]>? Rows);
