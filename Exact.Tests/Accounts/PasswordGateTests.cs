using System.Net;
using System.Net.Http.Json;
using Exact.Infrastructure.Accounts;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Accounts;

/// <summary>Few passwords are hashed at a time, so that a flood of sign-ins does not stop everything else.</summary>
public sealed class PasswordGateTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sign_ins_wait_for_a_turn_the_queue_has_an_end_and_reads_go_on()
    {
        var gate = app.Services.GetRequiredService<PasswordGate>();
        using var client = app.CreateClient();
        var turns = new List<IDisposable>();
        for (var i = 0; i < PasswordGate.Permits; i++)
        {
            turns.Add(await gate.EnterAsync(Cancellation));
        }

        var waiting = SignInAsync(client);
        await Wait.UntilAsync(() => Task.FromResult(gate.Waiting == 1), "a sign-in waits");
        using var leave = new CancellationTokenSource();
        var others = Enumerable.Range(1, PasswordGate.Places - 1).Select(_ => gate.EnterAsync(leave.Token)).ToArray();
        using var refused = await SignInAsync(client);
        using var notRegistered = await client.PostAsJsonAsync(
            "/api/account/register",
            AccountsApp.Registration(app.NewName()),
            Cancellation
        );
        using var read = await client.GetAsync("/api/challenges", Cancellation);

        Assert.False(waiting.IsCompleted);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("1", refused.Headers.GetValues("Retry-After").Single());
        Assert.Contains("Too many people are signing in.", await refused.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, notRegistered.StatusCode);
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(others));
        turns.ForEach(turn => turn.Dispose());
        using var answer = await waiting;
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    private Task<HttpResponseMessage> SignInAsync(HttpClient client) =>
        client.PostAsJsonAsync(
            "/api/account/login",
            new { username = app.NewName(), password = AccountsApp.Password },
            Cancellation
        );
}
