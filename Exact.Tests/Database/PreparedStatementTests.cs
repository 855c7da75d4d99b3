using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Exact.Tests.Database;

/// <summary>What is asked often is planned once.</summary>
public sealed class PreparedStatementTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_session_keeps_the_plan_of_a_query_that_it_is_asked_again_and_again()
    {
        using var client = app.CreateClient();
        for (var i = 0; i < 10; i++)
        {
            await client.GetStringAsync("/api/challenges?limit=5", Cancellation);
        }

        await using var command = app
            .Services.GetRequiredService<NpgsqlDataSource>()
            .CreateCommand("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM challenges%'");
        Assert.InRange((long)(await command.ExecuteScalarAsync(Cancellation))!, 1, 10);
    }

    [Fact]
    public async Task Nothing_is_prepared_where_the_migrator_has_another_connection_because_a_pooler_may_be_between()
    {
        var direct = new Dictionary<string, string?> { ["ConnectionStrings:ExactMigrator"] = "Host=db;Database=exact" };
        await using var services = ExactServices.ServicesOf("Host=pooler;Database=exact", direct);

        var settings = services.GetRequiredService<NpgsqlDataSource>().ConnectionString;

        Assert.Equal(0, new NpgsqlConnectionStringBuilder(settings).MaxAutoPrepare);
    }
}
