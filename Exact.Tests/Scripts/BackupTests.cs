using System.IO.Compression;
using Exact.Tests.Support;
using Npgsql;

namespace Exact.Tests.Scripts;

/// <summary>backup_and_restore, reset_database, and the .bat files.</summary>
public sealed class BackupTests(MigratedTemplate template) : IAsyncLifetime
{
    private const string CountChallenges = "SELECT count(*) FROM challenges";

    private readonly MigratedDatabase database = new(template);
    private Checkout checkout = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        checkout = new Checkout(database);
        await checkout.SucceedAsync("$EXACT import samples/backup.json");
    }

    public async ValueTask DisposeAsync()
    {
        checkout?.Dispose();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Restore_takes_db_backup_json_by_default_and_says_what_it_loaded()
    {
        await checkout.SucceedAsync("./backup_and_restore.sh");
        await database.ExecuteAsync("TRUNCATE scores, challenges CASCADE");

        var (output, _) = await checkout.SucceedAsync("./backup_and_restore.sh restore");

        Assert.Contains("\"api.score\"", output);
        Assert.Equal(8, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
    }

    [Fact]
    public async Task A_file_whose_name_ends_in_gz_is_packed_and_restored_from_the_folder_of_the_caller()
    {
        await checkout.SucceedAsync("mkdir elsewhere && cd elsewhere && ../backup_and_restore.sh backup mine.json.gz");
        await database.ExecuteAsync("TRUNCATE scores, challenges CASCADE");

        await checkout.SucceedAsync("cd elsewhere && ../backup_and_restore.sh restore mine.json.gz");

        Assert.Equal(2, await database.ScalarAsync<long>(CountChallenges));
        Assert.False(File.Exists(checkout.PathOf("db_backup.json")));
        await using var packed = new GZipStream(
            File.OpenRead(checkout.PathOf("elsewhere/mine.json.gz")),
            CompressionMode.Decompress
        );
        using var reader = new StreamReader(packed);
        Assert.StartsWith("[", await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_backup_that_fails_half_way_leaves_the_earlier_one_and_nothing_else()
    {
        await checkout.SucceedAsync("./backup_and_restore.sh");
        var earlier = await File.ReadAllTextAsync(
            checkout.PathOf("db_backup.json"),
            TestContext.Current.CancellationToken
        );
        checkout.PutFirst("half", "echo '[{\"model\":'; exit 1");
        checkout["EXACT"] = "half";

        var errors = await checkout.FailAsync("./backup_and_restore.sh");

        Assert.Contains("db_backup.json was not written", errors);
        Assert.Equal(
            earlier,
            await File.ReadAllTextAsync(checkout.PathOf("db_backup.json"), TestContext.Current.CancellationToken)
        );
        Assert.DoesNotContain(
            Directory.GetFiles(checkout.Folder),
            file => file.EndsWith(".part", StringComparison.Ordinal)
        );
        Assert.Single(Directory.GetFiles(checkout.PathOf("backups")));
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named_and_nothing_is_changed()
    {
        var errors = await checkout.FailAsync("./backup_and_restore.sh restore nowhere.json");

        Assert.Contains(
            $"there is no readable file {checkout.PathOf("nowhere.json")}, so nothing was changed.",
            errors
        );
    }

    [Fact]
    public async Task Reset_database_asks_and_changes_nothing_without_a_yes()
    {
        UsePsql();

        await checkout.FailAsync("scripts/reset_database.sh", input: "no\n");

        Assert.Equal(2, await database.ScalarAsync<long>(CountChallenges));
        Assert.False(File.Exists(checkout.PathOf("db_backup.json")));
    }

    [Fact]
    public async Task Reset_database_reads_a_damaged_backup_before_anything_is_deleted()
    {
        UsePsql();
        await File.WriteAllTextAsync(checkout.PathOf("damaged.json"), "[{", TestContext.Current.CancellationToken);

        var errors = await checkout.FailAsync("scripts/reset_database.sh --yes damaged.json");

        Assert.Contains("cannot be loaded, so nothing was changed", errors);
        Assert.Equal(2, await database.ScalarAsync<long>(CountChallenges));
    }

    [Fact]
    public async Task Reset_database_backs_up_and_builds_a_new_database_from_the_backup_it_is_given()
    {
        UsePsql();
        await database.ExecuteAsync("UPDATE challenges SET title = 'changed'; CREATE TABLE by_hand ()");

        await checkout.SucceedAsync("scripts/reset_database.sh samples/backup.json", input: "reset\n");

        database.DataSource.Clear(); // the sessions that the reset has ended
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM challenges WHERE title = 'changed'"));
        Assert.Equal(2, await database.ScalarAsync<long>(CountChallenges));
        Assert.False(await database.ScalarAsync<bool>("SELECT to_regclass('by_hand') IS NOT NULL"));
        Assert.False(await database.ScalarAsync<bool>(IsOldThere));
        var backup = await File.ReadAllTextAsync(
            checkout.PathOf("db_backup.json"),
            TestContext.Current.CancellationToken
        );
        Assert.Contains("changed", backup);
    }

    [Fact]
    public async Task A_reset_whose_new_database_cannot_be_filled_puts_the_old_one_back()
    {
        UsePsql();
        checkout.PutFirst(
            "exact",
            $"[ \"$1\" != import ] || [ \"$3\" = --dry-run ] || exit 1\nexec {Checkout.Program} \"$@\""
        );
        checkout["EXACT"] = "exact";

        var errors = await checkout.FailAsync("scripts/reset_database.sh --yes samples/backup.json");

        Assert.Contains("the old one is in its place again", errors);
        database.DataSource.Clear(); // the sessions that the reset has ended
        Assert.Equal(2, await database.ScalarAsync<long>(CountChallenges));
        Assert.False(await database.ScalarAsync<bool>(IsOldThere));
    }

    [Fact]
    public async Task The_bat_files_run_the_scripts_and_hold_one_call_each()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/git"), "needs git");
        string[] files = ["rebuild_database", "backup_and_restore", "deploy", "scripts/reset_database"];
        foreach (var file in files)
        {
            var lines = await File.ReadAllLinesAsync(
                checkout.PathOf($"{file}.bat"),
                TestContext.Current.CancellationToken
            );
            var call = Assert.Single(
                lines,
                line => !line.StartsWith("rem ", StringComparison.Ordinal) && line[0] is not '@' and not 's'
            );
            // cmd's %~dp0 is the folder of the file, and %* are its arguments
            var folder = Path.GetDirectoryName(checkout.PathOf(file));

            var (output, _) = await checkout.SucceedAsync(
                call.Replace("%~dp0", $"{folder}/", StringComparison.Ordinal)
                    .Replace("%*", "--help", StringComparison.Ordinal)
            );

            Assert.StartsWith("usage: ", output);
            Assert.Contains($"{file}.sh", output);
        }
    }

    private string IsOldThere =>
        $"SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{database.Name}_before_reset')";

    private void UsePsql()
    {
        var psql = Directory.Exists("/usr/lib/postgresql")
            ? Directory
                .GetDirectories("/usr/lib/postgresql")
                .Select(folder => $"{folder}/bin/psql")
                .FirstOrDefault(File.Exists)
            : null;
        Assert.SkipWhen(psql is null, "needs psql");
        var server = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        checkout["PSQL"] = $"{psql} --dbname=postgres";
        checkout["DATABASE"] = database.Name;
        checkout["PGHOST"] = server.Host!;
        checkout["PGPORT"] = $"{server.Port}";
        checkout["PGUSER"] = server.Username!;
        checkout["PGPASSWORD"] = server.Password ?? "";
    }
}
