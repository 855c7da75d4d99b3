using Exact.Tests.Support;

namespace Exact.Tests.Scripts;

/// <summary>The commands of docs/backups.md run as they stand there.</summary>
public sealed class BackupGuideTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Checkout checkout = null!;

    public async ValueTask InitializeAsync()
    {
        checkout = new Checkout(database);
        foreach (var (variable, folder) in new[] { ("Files__Folder", "files"), ("Backups__Folder", "archives") })
        {
            checkout[variable] = Directory.CreateDirectory(checkout.PathOf(folder)).FullName;
        }

        checkout.PutFirst("exact", $"exec {Checkout.Program} \"$@\"");
        await File.WriteAllTextAsync(Path.Combine(checkout.PathOf("files"), "one.txt"), "model");
        await database.ExecuteAsync(
            """
            TRUNCATE challenges, stored_files CASCADE;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, mlmodel)
            VALUES ('c1', 'One', '', '2026-01-01Z', 'ada', 'one.txt');
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('one.txt', 'm.pkl', 'text/plain', 5, encode(sha256('model'), 'hex'), '2026-01-01Z', 'ada')
            """
        );
    }

    public ValueTask DisposeAsync()
    {
        checkout.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_drill_restores_a_backup_into_another_database()
    {
        await using var other = new MissingDatabase();
        await other.InitializeAsync();
        checkout["OTHER"] = other.ConnectionString;
        checkout["OTHER_FILES"] = Directory.CreateDirectory(checkout.PathOf("other")).FullName;

        var (output, _) = await checkout.SucceedAsync($"set -euo pipefail\n{await CommandsAsync("Drill")}");

        Assert.Contains("was restored and equals its manifest: 2 records, 1 files", output);
        Assert.EndsWith("restored\n", output);
        Assert.True(File.Exists(checkout.PathOf("other/one.txt")));
    }

    [Fact]
    public async Task An_export_is_encrypted_with_age_and_comes_back()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/age"), "needs Debian's age");
        var recipient = (
            await checkout.SucceedAsync("age-keygen -o key.txt 2>/dev/null && age-keygen -y key.txt")
        ).Output;
        checkout["RECIPIENT"] = recipient.Trim();
        var commands = (await CommandsAsync("Recipes")).Split('\n').Where(line => line.Contains("age ")).ToArray();

        await checkout.SucceedAsync($"set -o pipefail; {commands[0]}");
        await database.ExecuteAsync("TRUNCATE challenges, stored_files CASCADE");
        await checkout.SucceedAsync($"set -o pipefail; {commands[1]}");

        Assert.Equal("One", await database.ScalarAsync<string>("SELECT title FROM challenges"));
    }

    /// <summary>The indented lines of a section.</summary>
    private static async Task<string> CommandsAsync(string section)
    {
        var page = await File.ReadAllTextAsync(Path.Combine(Checkout.Repository, "docs", "backups.md"));
        var lines = page.Split($"## {section}\n")[1].Split("\n## ")[0].Split('\n');
        return string.Join(
            '\n',
            lines.Where(line => line.StartsWith("    ", StringComparison.Ordinal)).Select(line => line.Trim())
        );
    }
}
