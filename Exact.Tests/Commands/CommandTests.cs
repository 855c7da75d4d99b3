using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;

namespace Exact.Tests.Commands;

/// <summary>The command line as a script sees it: stdout, stderr and the exit code.</summary>
public sealed class CommandTests
{
    [Fact]
    public async Task Migrate_applies_what_is_pending_and_status_says_so()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();

        await using var first = await ExactProcess.RunAsync(database.ConnectionString, "migrate");
        await using var second = await ExactProcess.RunAsync(database.ConnectionString, "migrate");
        await using var status = await ExactProcess.RunAsync(database.ConnectionString, "status", "--json", "--check");

        Assert.Contains("_Initial", first.Output);
        Assert.Equal(0, await first.WaitForExitAsync());
        Assert.Equal("", second.Output);
        Assert.Equal(0, await second.WaitForExitAsync());
        Assert.Equal(0, await status.WaitForExitAsync());
        using var document = JsonDocument.Parse(status.Output);
        Assert.Equal("current", document.RootElement.GetProperty("state").GetString());
    }

    [Fact]
    public async Task Status_tells_a_script_by_its_exit_code_that_migrations_are_pending()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();

        await using var status = await ExactProcess.RunAsync(database.ConnectionString, "status", "--check");

        Assert.Equal(3, await status.WaitForExitAsync());
        Assert.StartsWith("pending: ", status.Output);
    }

    [Fact]
    public async Task A_setting_behind_a_flag_is_heeded()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();

        await using var status = await ExactProcess.RunAsync(
            "Host=127.0.0.1;Port=1",
            "status",
            "--check",
            "--ConnectionStrings:Exact",
            database.ConnectionString
        );

        Assert.Equal(3, await status.WaitForExitAsync());
        Assert.StartsWith("pending: ", status.Output);
    }

    [Fact]
    public async Task A_migration_that_does_not_exist_is_named_in_one_line()
    {
        await using var script = await ExactProcess.RunAsync("Host=nowhere", "script", "--from", "Nonsense");

        Assert.Equal(1, await script.WaitForExitAsync());
        Assert.Contains("'Nonsense'", script.Log);
        Assert.DoesNotContain('\n', script.Log);
    }

    [Fact]
    public async Task What_is_no_command_is_refused_in_one_line()
    {
        await using var command = await ExactProcess.RunAsync("Host=nowhere", "migrat");

        Assert.Equal(2, await command.WaitForExitAsync());
        Assert.Equal("\"migrat\" is not a command. Did you mean migrate? See exact --help.", command.Log);
    }

    [Theory]
    [InlineData(
        "import a.json --mode merg",
        "--mode does not take \"merg\". Did you mean merge? It takes fail, merge, replace, skip."
    )]
    [InlineData("backup --verify", "--verify")]
    [InlineData("files check --x", "See exact files check --help.")]
    public async Task A_mistake_is_told_in_one_line_with_the_help_to_read(string arguments, string words)
    {
        await using var command = await ExactProcess.RunAsync("Host=nowhere", arguments.Split(' '));

        Assert.Equal(2, await command.WaitForExitAsync());
        Assert.Contains(words, command.Log);
        Assert.EndsWith("--help.", command.Log);
        Assert.DoesNotContain('\n', command.Log);
    }

    [Theory]
    [InlineData("import")]
    [InlineData("import", "backup.json", "--mode", "wild")]
    [InlineData("import", "one.json", "two.json")]
    [InlineData("import", "one.json", "--encoding", "windows-1")]
    [InlineData("import", "--from-django", "Host=db;Database=django", "--encoding", "cp1251")]
    [InlineData("import", "one.json", "--confirm", "api.score")]
    [InlineData("import", "one.json", "--mode", "replace", "--confirm", "api.nope")]
    [InlineData("backup", "one.tar", "--to", "folder")]
    [InlineData("backup", "--verify", "./one.tar", "--to", "folder")]
    [InlineData("backup", "--json")]
    [InlineData("export", "--Migrations:LockWait", "1", "--nonsense")]
    public async Task What_a_command_does_not_take_is_not_understood(params string[] arguments)
    {
        await using var command = await ExactProcess.RunAsync("Host=nowhere", arguments);

        Assert.Equal(2, await command.WaitForExitAsync());
    }

    [Fact]
    public async Task The_option_that_was_meant_is_named()
    {
        await using var command = await ExactProcess.RunAsync("Host=nowhere", "export", "--model", "api.score");

        Assert.Equal(2, await command.WaitForExitAsync());
        Assert.Equal("export does not take \"--model\". Did you mean --models? See exact export --help.", command.Log);
    }

    [Fact]
    public async Task Import_reads_a_file_in_the_encoding_that_it_names()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file,
            Sample.Fixture(Sample.Group(1, "é")),
            Encoding.Latin1,
            TestContext.Current.CancellationToken
        );
        try
        {
            await using var import = await ExactProcess.RunAsync(
                database.ConnectionString,
                "import",
                file,
                "--encoding",
                "latin1"
            );

            Assert.True(await import.WaitForExitAsync() == 0, import.Log);
            Assert.Equal("é", await database.ScalarAsync<string>("SELECT name FROM roles"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task The_script_that_dotnet_ef_and_the_command_write_builds_what_the_service_builds()
    {
        await using var built = new MissingDatabase();
        await built.InitializeAsync();
        await using var migrate = await ExactProcess.RunAsync(built.ConnectionString, "migrate");
        await using var script = await ExactProcess.RunAsync("Host=nowhere", "script", "--from", "0");
        await using var scripted = new TestDatabase();
        await scripted.InitializeAsync();

        await using var pending = await ExactProcess.RunAsync(scripted.ConnectionString, "script");
        Assert.Equal(script.Output, pending.Output);
        await scripted.ExecuteAsync(script.Output);
        await scripted.ExecuteAsync(script.Output); // it is idempotent

        await using var nothing = await ExactProcess.RunAsync(scripted.ConnectionString, "script");
        Assert.Equal("", nothing.Output);
        var catalog = await Catalog.ReadAsync(built);
        Assert.Contains(
            catalog,
            line =>
                line.StartsWith("column scores.emd_score of scores: type double precision", StringComparison.Ordinal)
        );
        Assert.Equal(catalog, await Catalog.ReadAsync(scripted));
    }

    [Fact]
    public async Task A_command_whose_operation_is_cancelled_elsewhere_ends_with_one_line()
    {
        await using var database = await HoldingDatabaseAsync();
        var file = await FileAsync();
        await using var import = ExactProcess.Serve(database.ConnectionString, settings: null, "import", file);
        await UntilRunningAsync(database);

        await database.ExecuteAsync("UPDATE operations SET cancelled_by = 'ada' WHERE state = 'running'");

        Assert.Equal(1, await import.WaitForExitAsync());
        Assert.Matches("^Operation [0-9]+ was cancelled. Nothing was changed.$", import.Log);
        File.Delete(file);
    }

    [Fact]
    public async Task A_command_that_is_stopped_says_so_in_the_journal()
    {
        await using var database = await HoldingDatabaseAsync();
        var file = await FileAsync();
        await using var import = ExactProcess.Serve(database.ConnectionString, settings: null, "import", file);
        await UntilRunningAsync(database);

        await import.SignalAsync("TERM");

        Assert.Equal(143, await import.WaitForExitAsync());
        Assert.Equal(
            "cancelled The command was stopped.",
            await database.ScalarAsync<string>("SELECT concat_ws(' ', state, error) FROM operations")
        );
        File.Delete(file);
    }

    /// <summary>A database where an import does not end.</summary>
    private static async Task<MigratedDatabase> HoldingDatabaseAsync()
    {
        var database = new MigratedDatabase(MigratedTemplate.Current);
        await database.InitializeAsync();
        await database.ExecuteAsync(
            """
            CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
            CREATE TRIGGER hold BEFORE INSERT ON challenges EXECUTE FUNCTION hold()
            """
        );
        return database;
    }

    private static async Task<string> FileAsync()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Sample.Fixture(Sample.Challenge()), TestContext.Current.CancellationToken);
        return file;
    }

    private static Task UntilRunningAsync(TestDatabase database) =>
        Wait.UntilAsync(
            () => database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM operations WHERE state = 'running')"),
            "the import runs"
        );
}
