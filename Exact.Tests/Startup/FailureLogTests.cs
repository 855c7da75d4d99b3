using System.Net;
using Exact.Tests.Support;

namespace Exact.Tests.Startup;

public sealed class FailureLogTests
{
    [Fact]
    public async Task What_nobody_foresaw_is_answered_without_its_cause_and_logged_with_it()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var service = ExactProcess.Serve(database.ConnectionString);
        await service.WaitUntilReadyAsync();
        await database.ExecuteAsync("DROP TABLE challenges CASCADE");
        service.Client.DefaultRequestHeaders.Authorization = null;

        using var answer = await service.Client.GetAsync("/api/challenges", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        const string Cause = "relation \"challenges\" does not exist";
        Assert.DoesNotContain(
            Cause,
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        await service.WaitForLogAsync(Cause);
    }
}
