using System.Net;
using Exact.Tests.Support;

namespace Exact.Tests.Accounts;

public sealed class SuperuserTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    [Fact]
    public async Task Createsuperuser_makes_an_administrator()
    {
        await using var weak = await CreateAsync("root", "12345678");
        await using var unnamed = await CreateAsync("two words", "staple battery 9");
        await using var created = await CreateAsync("root", "staple battery 9");
        await using var again = await CreateAsync("ROOT", "staple battery 9");
        using var browser = await app.SignInAsync("root", "staple battery 9");
        using var answer = await browser.GetAsync("/api/admin/operations", TestContext.Current.CancellationToken);

        Assert.Equal(1, await weak.WaitForExitAsync());
        Assert.Contains("only digits", weak.Log);
        Assert.Equal(2, await unnamed.WaitForExitAsync());
        Assert.Contains("--username is not allowed", unnamed.Log);
        Assert.Equal(0, await created.WaitForExitAsync());
        Assert.Equal("Created the superuser root.", created.Log.Split('\n')[^1]);
        Assert.Equal(1, await again.WaitForExitAsync());
        Assert.Contains("only in case", again.Log);
        Assert.DoesNotContain("staple", created.Log + again.Log);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(
            "account create root true command-line",
            await app.Database.ScalarAsync<string>(
                """
                SELECT concat_ws(' ', kind, figures ->> 'action', figures ->> 'username', figures ->> 'is_superuser', actor)
                FROM operations
                """
            )
        );
    }

    [Theory]
    [InlineData("createsuperuser", "--username", "root", "--no-input")]
    [InlineData("standings")]
    [InlineData("files", "check")]
    [InlineData("export")]
    public async Task A_command_on_a_database_without_the_schema_says_that_migrations_are_pending(
        params string[] command
    )
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var run = await ExactProcess.RunAsync(
            database.ConnectionString,
            new Dictionary<string, string>
            {
                ["EXACT_SUPERUSER_PASSWORD"] = "staple battery 9",
                ["Files__Folder"] = Path.GetTempPath(),
            },
            command
        );

        Assert.Equal(1, await run.WaitForExitAsync());
        Assert.Contains("migrations are pending", run.Log);
        Assert.Contains("\"migrate\"", run.Log);
    }

    [Fact]
    public async Task Createsuperuser_without_a_terminal_needs_no_input_and_a_password()
    {
        await using var asked = await ExactProcess.RunAsync(
            app.Database.ConnectionString,
            "createsuperuser",
            "--username",
            "nobody",
            "--no-input"
        );

        Assert.Equal(1, await asked.WaitForExitAsync());
        Assert.Contains("EXACT_SUPERUSER_PASSWORD", asked.Log);
    }

    private Task<ExactProcess> CreateAsync(string username, string password) =>
        ExactProcess.RunAsync(
            app.Database.ConnectionString,
            new Dictionary<string, string> { ["DJANGO_SUPERUSER_PASSWORD"] = password },
            "createsuperuser",
            "--username",
            username,
            "--email",
            "root@example.org",
            "--no-input"
        );
}
